import numpy as np
from scipy import sparse

from spatialrag.prediction.backbones.stack.training_set import TrainingSet, contiguous_parts


def made(slides, donors):
    n = len(slides)
    xy = np.stack(np.divmod(np.arange(n), 4), axis=1).astype(float)
    targets = sparse.csr_matrix(np.arange(n * 3, dtype=float).reshape(n, 3))
    return TrainingSet(np.ones((n, 2)), targets, np.ones(n), np.array(slides), np.array(donors), xy)


def test_donors_of_three_or_more_slides_or_parts():
    slides = [*"aabbccdd"]
    assert set(made(slides, [*"11112233"]).groups) == {"1", "2", "3"}
    assert set(made(slides, [*"11112222"]).groups) == set("abcd")
    assert len(set(made([*"aaaaaaaa"], [*"11111111"]).groups)) == 4


def test_parts_are_quarters_in_one_piece():
    xy = np.stack(np.divmod(np.arange(64), 8), axis=1).astype(float)
    part = contiguous_parts(xy)
    assert np.bincount(part).tolist() == [16] * 4
    for name in range(4):
        spread = np.ptp(xy[part == name], axis=0)
        assert spread.tolist() == [3, 3]
    unplaced = contiguous_parts(np.full((10, 2), np.nan))
    assert sorted(set(unplaced)) == [0, 1, 2, 3]
    assert (np.diff(unplaced) >= 0).all()


def test_guides_are_the_genes_that_vary_most():
    rng = np.random.default_rng(0)
    spread = rng.permutation(1500)
    values = rng.normal(size=(40, 1500)) * spread + 7
    base = made(["a"] * 40, ["1"] * 40)
    spots = TrainingSet(
        base.x, sparse.csr_matrix(values), base.depth, base.slides, base.donors, base.xy
    )
    expected = np.sort(np.argsort(-values.var(axis=0))[:1000])
    np.testing.assert_array_equal(spots.guides, values[:, expected])
    assert spots.of(np.arange(40) < 5).targets.shape == (5, 1500)
