import numpy as np
import pytest

from spatialrag.solvers.working_set.metric import Metric


def rows_of(rng, n, rank, noise):
    """A few strong directions and noise."""
    rows = rng.normal(size=(n, rank)) * 10.0 ** np.linspace(2, 0, rank) + 3
    rows = np.concatenate([rows, noise * rng.normal(size=(n, 2 * n))], axis=1)
    return rows.astype(np.float32)


def gram_of(rows, weights):
    return (rows.astype(np.float64) * weights) @ rows.T


@pytest.mark.parametrize(("n", "rank", "noise"), [(300, 5, 0.1), (300, 40, 0.1), (80, 5, 1.0)])
def test_it_is_above_the_gram_matrix_and_near(rng, n, rank, noise):
    rows = rows_of(rng, n, rank, noise)
    weights = rng.uniform(0.1, 2, rows.shape[1])
    gram, metric = gram_of(rows, weights), Metric.of(rows, weights)
    model = metric.factors.T.astype(np.float64) @ metric.factors + metric.rest * np.eye(n)
    values = np.linalg.eigvalsh(gram)
    assert np.linalg.eigvalsh(model - gram).min() > -1e-5 * values[-1]
    assert metric.rest < 3 * values[-13]
    assert metric.condition(0.5) == pytest.approx(1 + 2 * metric.rest)


@pytest.mark.parametrize("rows", [np.zeros((20, 7)), np.ones((300, 4)), 2 * np.eye(5)])
def test_degenerate_matrices(rows):
    metric = Metric.of(rows.astype(np.float32), np.ones(rows.shape[1]))
    gram = rows @ rows.T
    model = metric.factors.T @ metric.factors + metric.rest * np.eye(len(gram))
    assert np.isfinite(model).all()
    assert np.linalg.eigvalsh(model - gram).min() > -1e-4


def test_curvatures_are_those_of_the_active_references(rng):
    rows = rows_of(rng, 60, 5, 0.1)
    metric = Metric.of(rows, np.ones(rows.shape[1]))
    active = rng.random((3, 60)) < 0.4
    found = metric.curvatures(active.astype(np.float32))
    for query in range(3):
        part = metric.factors[:, active[query]].astype(np.float64)
        np.testing.assert_allclose(found[query], part @ part.T, rtol=1e-4, atol=1e-3)
