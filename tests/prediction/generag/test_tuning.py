import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.generag.tuning import _choose, tune


def test_only_references_are_used_and_the_table_tells(references):
    found = tune(
        references,
        GeneRAG(n_anchors=60),
        image_weights=[0.0, 0.3],
        strengths=[0.1, 0.5],
        n_scored=80,
    )
    assert len(found.table) == 4
    row = found.table[
        (found.table["image_weight"] == found.best.image_weight)
        & (found.table["strength"] == found.best.strength)
    ].iloc[0]
    best = found.table.loc[found.table["score"].idxmax()]
    assert row["score"] >= best["score"] - row["standard_error"]
    assert row["n_active"] <= best["n_active"]


def test_sparsest_within_one_standard_error():
    grid = [GeneRAG(strength=s) for s in (0.01, 0.1, 0.5)]
    scores = np.zeros((3, 3, 2))
    scores[0] = [[0.50, 200], [0.60, 200], [0.40, 200]]
    scores[1] = [[0.49, 50], [0.61, 50], [0.39, 50]]  # as good but for noise, and sparser
    scores[2] = [[0.30, 5], [0.40, 5], [0.20, 5]]  # far worse
    assert _choose(grid, scores).best.strength == 0.1


def test_one_slide_cannot_be_left_out(references):
    with pytest.raises(InputError, match="at least two slides"):
        tune(references.only(["toy1"]), GeneRAG())
