import numpy as np
import pytest
from scipy import sparse
from sklearn.kernel_ridge import KernelRidge as TheirKernelRidge
from sklearn.neighbors import KNeighborsRegressor

from spatialrag.prediction.backbones.stack.members import (
    KernelMap,
    KernelRidge,
    NearestReferences,
    PredictedDepth,
    Ridge,
)
from spatialrag.prediction.backbones.stack.training_set import TrainingSet
from spatialrag.prediction.features import PENALTIES


@pytest.fixture(scope="module")
def made():
    """Three slides of 40 spots whose genes bend with the features."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    y = np.stack([np.tanh(2 * x[:, 0]), x[:, 1] ** 2, x[:, 2], np.ones(120)], axis=1) + 3
    y += 0.05 * rng.normal(size=y.shape)
    depth = 5 + x[:, 3] + np.repeat([0, 10, 20], 40)
    slides = np.repeat(["a", "b", "c"], 40)
    xy = rng.uniform(size=(120, 2))
    spots = TrainingSet(x, sparse.csr_matrix(np.maximum(y, 0)), depth, slides, slides, xy)
    return x, spots


def test_kernel_ridge_against_scikit_learn(made):
    x, spots = made
    ours = KernelRidge(widths=(1.0,)).fit(spots)
    y = spots.targets.toarray()
    width = ours.kernel.width
    mapped = ours.kernel.transform(x)
    z = mapped - mapped.mean(axis=0)
    alpha = ours.chosen["penalty"] * np.linalg.eigvalsh(z.T @ z).mean()
    assert ours.chosen["penalty"] in PENALTIES
    # An intercept is the same as a kernel centred on the training spots.
    gram = np.exp(-0.5 * np.square(x[:, None] - x[None]).sum(axis=2) / width**2)
    center = np.eye(120) - 1 / 120
    theirs = TheirKernelRidge(alpha=alpha, kernel="precomputed")
    theirs.fit(center @ gram @ center, y - y.mean(axis=0))
    expected = theirs.predict(center @ gram @ center) + y.mean(axis=0)
    np.testing.assert_allclose(ours.predict(x), expected, atol=1e-5)


def test_landmarks_of_all_spots_are_exact_and_fewer_are_near(made):
    x, spots = made
    kernel = KernelMap.fit(x, 2.0)
    mapped = kernel.transform(x)
    gram = np.exp(-0.5 * np.square(x[:, None] - x[None]).sum(axis=2) / 4)
    np.testing.assert_allclose(mapped @ mapped.T, gram, atol=1e-6)
    exact = KernelRidge(widths=(1.0,)).fit(spots).predict(x)
    fewer = KernelRidge(widths=(1.0,), n_landmarks=60).fit(spots)
    assert len(fewer.kernel.landmarks) == 60
    assert np.corrcoef(fewer.predict(x)[:, 1], exact[:, 1])[0, 1] > 0.97


def test_bent_genes_need_the_kernel(made):
    _, spots = made
    kernel, ridge = KernelRidge().fit(spots), Ridge().fit(spots)
    rng = np.random.default_rng(9)
    new = rng.normal(size=(200, 4))
    square = new[:, 1] ** 2
    assert np.corrcoef(kernel.predict(new)[:, 1], square)[0, 1] > 0.8
    assert abs(np.corrcoef(ridge.predict(new)[:, 1], square)[0, 1]) < 0.4


def test_nearest_references_are_averages_of_measured_spots(made):
    x, spots = made
    fitted = NearestReferences(ks=(7,)).fit(spots)
    assert fitted.chosen["k"] == 7
    theirs = KNeighborsRegressor(7).fit(fitted.places, spots.targets.toarray())
    expected = theirs.predict(fitted.learned.predict(x[:10]))
    np.testing.assert_allclose(fitted.predict(x[:10]), expected)


def test_the_number_of_neighbors_is_the_one_that_predicts_left_out_slides_best(made):
    _, spots = made
    chosen = NearestReferences(ks=(1, 10, 80)).fit(spots).chosen["k"]
    assert chosen == 10


def test_depth_is_one_number_per_spot(made):
    x, spots = made
    fitted = PredictedDepth().fit(spots)
    deviation = fitted.predict(x) - fitted.mean
    assert np.linalg.matrix_rank(deviation, tol=1e-8) == 1
    # Levels of depth between slides are not followed, differences within are.
    depth = np.array([0, 0, 0, 0.0]), np.array([0, 0, 0, 1.0])
    step = (np.array(depth[1:]) @ fitted.coefficients) - np.array(depth[:1]) @ fitted.coefficients
    within = spots.depth - np.repeat([spots.depth[s : s + 40].mean() for s in (0, 40, 80)], 40)
    slope = np.polyfit(within, spots.targets.toarray(), 1)[0]
    np.testing.assert_allclose(step[0], slope, rtol=0.1, atol=0.01)
