import numpy as np
import pytest

from spatialrag.evaluation.panel import fix_panel
from spatialrag.workflow.cohort import describe_cohort
from spatialrag.workflow.recipe import Evaluation


def test_slides_and_their_coexpression(toy_bank):
    found = describe_cohort(toy_bank, Evaluation(n_core=20))
    assert found.index.tolist() == toy_bank.slides.index.tolist()
    slide = found.index[1]
    rows = (toy_bank.slide_of == 1) & ~toy_bank.empty
    assert found.loc[slide, "spots"] == rows.sum()
    assert found.loc[slide, "donor"] == toy_bank.slides.loc[slide, "donor"]
    core = fix_panel(toy_bank, toy_bank.genes, n_core=20).genes[:20]
    values = toy_bank.on_scale("log1p")[np.flatnonzero(rows)][:, toy_bank.columns_of(core)]
    r = np.corrcoef(values.toarray().T)
    expected = r[np.triu_indices(20, 1)].mean()
    assert found.loc[slide, "core genes' mean r, log1p"] == pytest.approx(expected)
