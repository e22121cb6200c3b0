from dataclasses import dataclass, replace

import numpy as np
import pytest

from spatialrag.bank.build import join_banks
from spatialrag.errors import InputError
from spatialrag.prediction.generag import GeneRAG, tuning
from spatialrag.prediction.generag.tuning import ImageWeightChosen, _choose, tune


def test_only_references_are_used_and_the_table_tells(references):
    found = tune(
        references,
        GeneRAG(n_anchors=60, backbone="linear"),
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


def test_copies_are_left_out_together(references, copied, monkeypatch):
    bank = join_banks([references, copied(references, "toy1", "again", "donor9")])
    seen = {}

    def score(grid, references, held_out, slide, n_scored):
        seen[slide] = set(references.slides.index)
        return np.zeros((len(grid), 2))

    monkeypatch.setattr(tuning, "_score", score)
    tune(bank, GeneRAG(n_anchors=60))
    assert seen == {
        "toy1": {"toy2", "toy3"},
        "again": {"toy2", "toy3"},
        "toy2": {"toy1", "toy3", "again"},
        "toy3": {"toy1", "toy2", "again"},
    }


def test_sparsest_within_one_standard_error():
    grid = [GeneRAG(strength=s) for s in (0.01, 0.1, 0.5)]
    scores = np.zeros((3, 3, 2))
    scores[0] = [[0.50, 200], [0.60, 200], [0.40, 200]]
    scores[1] = [[0.49, 50], [0.61, 50], [0.39, 50]]  # as good but for noise, and sparser
    scores[2] = [[0.30, 5], [0.40, 5], [0.20, 5]]  # far worse
    assert _choose(grid, scores, prefer="sparse").best.strength == 0.1


def test_first_within_one_standard_error():
    """The default stays unless another is better for clear reasons."""
    grid = [GeneRAG(image_weight=w) for w in (0.05, 0.3, 0.9)]
    scores = np.ones((3, 3, 2))
    scores[:, :, 0] = [[0.50, 0.60, 0.40], [0.52, 0.62, 0.42], [0.60, 0.61, 0.41]]
    assert _choose(grid, scores, prefer="first").best.image_weight == 0.3
    scores[0, :, 0] = [0.56, 0.57, 0.45]
    assert _choose(grid, scores, prefer="first").best.image_weight == 0.05


def test_one_slide_cannot_be_left_out(references):
    with pytest.raises(InputError, match="at least two slides"):
        tune(references.select(["toy1"]), GeneRAG())


def test_unknown_preference(references):
    with pytest.raises(InputError, match="one of sparse, first"):
        tune(references, GeneRAG(), prefer="best")


class Noise:
    """A backbone that knows nothing: anchors at random."""

    def fit(self, bank, genes, *, scale):
        return TrainedNoise(np.asarray(genes), scale, float(bank.on_scale(scale).mean()))


@dataclass
class TrainedNoise:
    genes: np.ndarray
    scale: str
    mean: float

    def predict(self, queries):
        rng = np.random.default_rng(0)
        return np.abs(rng.normal(self.mean, 1, (len(queries.spots), len(self.genes))))


def test_images_weigh_more_where_the_backbone_knows_nothing(references, queries):
    settings = GeneRAG(n_anchors=60, backbone="linear")
    trusted = ImageWeightChosen(settings).fit(references)
    noise = ImageWeightChosen(replace(settings, backbone=Noise())).fit(references)
    assert noise.settings.image_weight > 0.05
    assert noise.settings.image_weight >= trusted.settings.image_weight
    assert noise.predict(queries).expression.shape[0] == len(queries.spots)


def test_a_backbone_at_hand_is_not_trained_again(references):
    trained = Noise().fit(references, references.genes[:60], scale="log1p_cp10k")
    method = ImageWeightChosen(GeneRAG(n_anchors=60, backbone=Noise()), trained)
    assert method.fit(references).backbone is trained


def test_with_one_slide_nothing_is_chosen(references):
    one = references.select([references.slides.index[0]])
    fitted = ImageWeightChosen(GeneRAG(n_anchors=60, image_weight=0.2)).fit(one)
    assert fitted.settings.image_weight == 0.2


def test_one_fit_serves_every_image_weight(references, queries):
    """Weights 0 and 1 too, where a block of its own fit would be left out."""
    settings = GeneRAG(n_anchors=60, backbone="linear")
    grid = [replace(settings, image_weight=w) for w in (0.0, 0.05, 1.0)]
    fitted = settings.fit(references)
    for each, solution in zip(grid, fitted.solutions(queries, grid), strict=True):
        citations = fitted.cite(solution)
        expected = each.fit(references).predict(queries).expression
        np.testing.assert_allclose(fitted.expression(citations), expected, rtol=0.01, atol=0.01)
