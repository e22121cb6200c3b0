import numpy as np
import pytest

from spatialrag.retrieval.centring import BETWEEN, centre_references, fit_centre, slide_means

RNG = np.random.default_rng(0)


def grid(n_rows, n_columns):
    return np.stack(np.divmod(np.arange(n_rows * n_columns), n_columns), axis=1).astype(float)


@pytest.fixture(scope="module")
def cohort():
    """Three slides of 100 spots, independent within; slides' means of variance 4."""
    xy = np.tile(grid(10, 10), (3, 1))
    slide_of = np.repeat(np.arange(3), 100)
    means = RNG.normal(scale=2, size=(3, 400))
    return RNG.normal(size=(300, 400)) + means[slide_of], slide_of, xy


def test_references_lose_a_share_of_their_own_mean(cohort):
    vectors, slide_of, _ = cohort
    whole = centre_references(vectors, slide_of, share=1)
    np.testing.assert_allclose(slide_means(whole, slide_of), 0, atol=1e-6)
    half = centre_references(vectors, slide_of, share=0.5)
    expected = [vectors[slide_of == s].mean(axis=0) / 2 for s in range(3)]
    np.testing.assert_allclose(slide_means(half, slide_of), expected, atol=1e-6)
    # Within slides nothing changed.
    np.testing.assert_allclose(whole[0] - whole[1], vectors[0] - vectors[1], atol=1e-5)


def test_a_whole_slide_is_trusted_and_a_spot_is_not(cohort):
    centre = fit_centre(*cohort, share=1)
    assert centre.trust(100) == centre.trust(5000) == 1
    trusts = [centre.trust(n) for n in (1, 5, 20, 60, 100)]
    assert trusts == sorted(trusts)
    whole = cohort[0][:100]
    np.testing.assert_allclose(centre.of_query(whole), whole - whole.mean(axis=0), atol=1e-5)


def test_independent_spots_have_the_known_rule(cohort):
    """Means of n of N independent spots vary by (1/n) (1 - n/N) of the variance of a spot."""
    centre = fit_centre(*cohort, share=1)
    n = centre.sizes
    np.testing.assert_allclose(centre.drift, 1 / n * (1 - n / 100), rtol=0.1, atol=0.002)
    assert centre.between == pytest.approx(4, rel=0.15)
    unplaced = fit_centre(cohort[0], cohort[1], np.full((300, 2), np.nan), share=1)
    np.testing.assert_allclose(unplaced.drift, 1 / n * (1 - n / 100), rtol=0.01, atol=1e-12)


def test_shrinking_beats_both_ends():
    """The rule's estimate of a new slide's mean from a corner of it, against own and bank's."""
    rng = np.random.default_rng(5)
    xy = grid(12, 12)
    smooth = np.exp(-np.square(xy[:, None] - xy[None]).sum(axis=2) / 30)
    root = np.linalg.cholesky(smooth + 1e-6 * np.eye(144))
    slides = [
        root @ rng.normal(size=(144, 200)) + rng.normal(scale=0.5, size=200) for _ in range(9)
    ]
    vectors, slide_of = np.concatenate(slides[:5]), np.repeat(np.arange(5), 144)
    centre = fit_centre(vectors, slide_of, np.tile(xy, (5, 1)), share=1)
    corner = np.flatnonzero((xy < 4).all(axis=1))
    errors = []
    for slide in slides[5:]:
        own, truth = slide[corner].mean(axis=0), slide.mean(axis=0)
        found = slide[corner][0] - centre.of_query(slide[corner])[0]
        errors.append([np.square(m - truth).mean() for m in (found, own, centre.mean)])
    shrunk, own, bank = np.mean(errors, axis=0)
    assert shrunk < own
    assert shrunk < bank


def test_one_slide_takes_the_stated_variance(cohort):
    vectors, _, xy = cohort
    centre = fit_centre(vectors[:100], np.zeros(100, int), xy[:100], share=1)
    assert centre.between == BETWEEN
    assert centre.trust(1) == pytest.approx(BETWEEN / (BETWEEN + 0.99), rel=0.05)


def test_constant_dimensions_and_single_spots():
    vectors = np.ones((4, 3))
    slide_of, xy = np.array([0, 0, 1, 1]), np.array([[0, 0], [1, 0], [0, 0], [1, 0.0]])
    centre = fit_centre(vectors, slide_of, xy, share=1)
    np.testing.assert_allclose(centre.of_query(vectors[:1]), 0)
    single = fit_centre(vectors[:1], np.zeros(1, int), xy[:1], share=1)
    assert np.isfinite(single.of_query(vectors)).all()
