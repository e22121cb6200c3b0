from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from spatialrag.solvers.working_set.metric import Metric
from spatialrag.solvers.working_set.together import Batch, _proximal_step, solve_together


def stated(rng, *, positive, base=None, n=6):
    """Correlated columns with a common mean, and some queries around given weights."""
    design = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 120)) + rng.normal(size=(50, 120)) + 1
    targets = rng.normal(size=(n, 50)) + 2
    base = np.zeros((n, 120)) if base is None else base
    l1, l2 = np.full((n, 1), 8.0), np.full((n, 1), 20.0)
    residual = targets - base @ design.T
    objective = 0.5 * (residual**2).sum(axis=1, keepdims=True)
    objective += 0.5 * l2 * (base**2).sum(axis=1, keepdims=True)
    objective += l1 * np.abs(base).sum(axis=1, keepdims=True)
    arrays = (residual @ design - l2 * base, base, l1, l2)
    tilt, base, l1, l2 = (values.astype(np.float32) for values in arrays)
    batch = Batch(tilt, base, l1, l2, objective, None, positive)
    return design, targets, batch


def products_of(design):
    rows = np.ascontiguousarray(design.T, np.float32)
    return rows @ rows.T, Metric.of(rows, np.ones(rows.shape[1]))


def scikit_learn(design, targets, batch):
    l1, l2, m = float(batch.l1[0, 0]), float(batch.l2[0, 0]), len(design)
    model = ElasticNet(
        alpha=(l1 + l2) / m,
        l1_ratio=l1 / (l1 + l2),
        positive=batch.positive,
        fit_intercept=False,
        tol=1e-12,
        max_iter=10**6,
    )
    return np.stack([model.fit(design, target).coef_ for target in targets])


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("around", ["nothing", "weights"])
def test_agrees_with_scikit_learn_around_any_weights(rng, positive, around):
    base = None
    if around == "weights":
        base = np.maximum(rng.normal(size=(6, 120)), 0) / 20
        base = base if positive else base * rng.choice([-1, 1], base.shape)
    design, targets, batch = stated(rng, positive=positive, base=base)
    gram, metric = products_of(design)
    start = np.zeros_like(batch.base)
    found = solve_together(gram, metric, batch, start, 1e-9)
    expected = scikit_learn(design, targets, batch)
    np.testing.assert_allclose(batch.base + found, expected, atol=1e-5)
    assert batch.is_solved(found, found @ gram, 1e-8).all()
    assert not batch.is_solved(start, start @ gram, 1e-3).any()


@pytest.mark.parametrize("positive", [True, False])
def test_excluded_references_get_nothing(rng, positive):
    design, targets, batch = stated(rng, positive=positive)
    gram, metric = products_of(design)
    allowed = rng.random(batch.base.shape) < 0.5
    part = replace(batch, allowed=allowed)
    found = solve_together(gram, metric, part, np.zeros_like(batch.base), 1e-9)
    assert (found[~allowed] == 0).all()
    for query in range(6):
        kept = np.flatnonzero(allowed[query])
        expected = scikit_learn(design[:, kept], targets[[query]], batch)[0]
        np.testing.assert_allclose(found[query, kept], expected, atol=1e-5)


@pytest.mark.parametrize("positive", [True, False])
def test_a_proximal_step_fulfils_its_optimality_conditions(rng, positive, monkeypatch):
    monkeypatch.setattr("spatialrag.solvers.working_set.together._INNER", 1e-3)
    design, _, batch = stated(rng, positive=positive)
    _, metric = products_of(design)
    ahead = (0.01 * rng.normal(size=batch.base.shape)).astype(np.float32)
    new = _proximal_step(metric, batch, ahead, batch.tilt)
    model = metric.factors.T.astype(np.float64) @ metric.factors + metric.rest * np.eye(120)
    slope = batch.tilt - (new - ahead) @ model - batch.l2 * (new - ahead)
    size = slope if positive else np.abs(slope)
    scale = np.abs(batch.tilt).max()
    assert size.max() < batch.l1.max() + 0.02 * scale
    assert np.abs(slope - np.sign(new) * batch.l1)[new != 0].max() < 0.02 * scale
