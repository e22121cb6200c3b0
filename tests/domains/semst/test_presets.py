import pytest

pytest.importorskip("torch")

from spatialrag.domains.semst.presets import paper, preset, released
from spatialrag.domains.semst.semst import SemST
from spatialrag.errors import InputError
from spatialrag.semantics.spots import RandomSpots
from spatialrag.training.graph import Training


@pytest.mark.parametrize("make", [paper, released])
def test_both_forms_run(stripes, make):
    tissue, _ = stripes
    found = make(epochs=3, hidden=16, width=8).fit_predict(
        tissue, n_domains=4, semantics=RandomSpots(dim=6)
    )
    assert found.labels.shape == (400,)
    assert found.embedding.shape[1] == (16 if make is paper else 8)
    losses = found.arrays["losses"]
    assert losses[-1] < losses[0]


def test_names():
    assert preset("default") == SemST()
    assert preset("paper").objective.summed
    assert preset("paper").seed == 100
    assert preset("released").training == Training(epochs=200)
    with pytest.raises(InputError, match="default, paper, released"):
        preset("best")
