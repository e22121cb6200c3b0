import numpy as np
import pytest

from spatialrag.metrics.spatial import morans_i, neighbor_weights

XY = np.stack(np.meshgrid(np.arange(12), np.arange(10)), axis=-1).reshape(-1, 2).astype(float)


def test_weights_are_rows_of_the_nearest():
    weights = neighbor_weights(XY, n_neighbors=4)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights.diagonal() == 0).all()
    middle = 5 * 12 + 6
    assert set(weights[middle].indices) == {middle - 1, middle + 1, middle - 12, middle + 12}


def test_moran_by_its_definition():
    values = np.random.default_rng(1).normal(size=(len(XY), 2))
    weights = neighbor_weights(XY, n_neighbors=4)
    z = values - values.mean(axis=0)
    w = weights.toarray()
    expected = [
        len(z) / w.sum() * (w * np.outer(column, column)).sum() / (column**2).sum()
        for column in z.T
    ]
    np.testing.assert_allclose(morans_i(values, weights), expected)


def test_smooth_maps_score_high_and_constants_zero():
    values = np.column_stack([XY[:, 0], np.ones(len(XY))])
    moran = morans_i(values, neighbor_weights(XY))
    assert moran[0] > 0.8
    assert moran[1] == 0


@pytest.mark.parametrize("scale", [1e-200, 1e-7, 1.0, 1e200])
def test_moran_does_not_depend_on_scale(scale):
    values = np.random.default_rng(2).normal(size=(len(XY), 1)) + 4
    weights = neighbor_weights(XY, n_neighbors=4)
    z = (values - values.mean())[:, 0]
    w, double = weights.toarray(), 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            double += w[i, j] * z[i] * z[j]
    expected = len(z) / w.sum() * double / sum(each**2 for each in z)
    assert morans_i(values * scale, weights)[0] == pytest.approx(expected)


@pytest.mark.parametrize("level", [0.1, 1e12 + 0.1, -1e-300, 0.0])
def test_moran_of_a_constant_is_zero(level):
    assert morans_i(np.full((len(XY), 1), level), neighbor_weights(XY))[0] == 0


def test_few_spots():
    assert neighbor_weights(np.zeros((1, 2))).nnz == 0
    assert neighbor_weights(XY[:3], n_neighbors=6).shape == (3, 3)
    assert morans_i(np.ones((1, 2)), neighbor_weights(np.zeros((1, 2)))).tolist() == [0, 0]


def test_spots_at_one_place_are_each_others_nearest():
    xy = np.concatenate([XY, XY[:7], np.repeat(XY[50:51], 9, axis=0)])
    weights = neighbor_weights(xy, n_neighbors=4)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (weights.diagonal() == 0).all()
    assert all(weights[i, 120 + i] > 0 for i in range(7))
    values = np.random.default_rng(0).normal(size=(len(xy), 3))
    assert np.isfinite(morans_i(values, weights)).all()
    assert np.isfinite(morans_i(values[:5], neighbor_weights(np.zeros((5, 2))))).all()
