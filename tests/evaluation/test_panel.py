import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.panel import fix_panel


def test_fixed_from_references_and_measured_names_alone(references, toy_bank):
    test_genes = toy_bank.select(["toy4"]).genes
    panel = fix_panel(references, test_genes, n_core=20, n_global=100)
    assert len(panel.genes) == 100
    assert set(panel.genes) <= set(test_genes)
    variance = dict(zip(references.genes, references.expression.toarray().var(axis=0), strict=True))
    values = [variance[gene] for gene in panel.genes]
    assert (np.diff(values) <= 1e-5).all()
    assert len(panel.groups["core"]) == 20


def test_other_gene_names(references):
    with pytest.raises(InputError, match="no gene can be scored"):
        fix_panel(references, np.array(["ENSG0001"]))
