import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image

from spatialrag.toy import ToyTissue, make_toy

TINY = ToyTissue(n_sections=2, n_genes=1300, columns=4, rows=4)


def test_same_seed_same_files(tmp_path):
    tables = [make_toy(tmp_path / name, settings=TINY) for name in ("a", "b")]
    first, second = (ad.read_h5ad(t.parent / "expression" / "toy1.h5ad") for t in tables)
    np.testing.assert_array_equal(first.X.toarray(), second.X.toarray())
    pictures = [np.asarray(Image.open(t.parent / "slides" / "toy1.jpg")) for t in tables]
    np.testing.assert_array_equal(*pictures)


def test_cohort_is_realistic(toy_table, toy_sections):
    frame = pd.read_csv(toy_table)
    assert frame["donor"].nunique() == 2
    assert len(frame) == 4
    panels = [set(section.genes) for section in toy_sections]
    assert panels[0] != panels[1]
    sparsity = [1 - s.expression.nnz / np.prod(s.expression.shape) for s in toy_sections]
    assert min(sparsity) > 0.3
    assert all(np.ptp(np.log(s.totals)) > 0.5 for s in toy_sections)
