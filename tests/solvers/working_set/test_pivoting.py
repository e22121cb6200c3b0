import numpy as np
import pytest
from scipy.optimize import nnls

from spatialrag.solvers.working_set.pivoting import (
    Gram,
    NotPositiveDefiniteError,
    is_uneven,
    units_of,
)


def dense(active, w):
    weights = np.zeros(w)
    weights[active.references] = active.weights
    return weights


def test_non_negative_least_squares_against_scipy(rng):
    for _ in range(6):
        design, target = rng.normal(size=(15, 10)), rng.normal(size=15)
        gram = Gram(design.T @ design, design.T @ target, 0.0, 0.0, positive=True)
        np.testing.assert_allclose(
            dense(gram.solve(np.zeros(10)), 10), nnls(design, target)[0], atol=1e-9
        )


@pytest.mark.parametrize("positive", [True, False])
def test_start_does_not_matter(rng, positive):
    design = rng.normal(size=(20, 12))
    gram = Gram(design.T @ design, design.T @ rng.normal(size=20), 0.1, 1.0, positive)
    answers = [dense(gram.solve(s), 12) for s in (np.zeros(12), np.abs(rng.normal(size=12)))]
    np.testing.assert_allclose(*answers, atol=1e-9)


@pytest.mark.parametrize("positive", [True, False])
def test_descent_alone_finds_the_same(rng, positive, monkeypatch):
    design = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 40)) + 0.1 * rng.normal(size=(30, 40))
    gram = Gram(design.T @ design, design.T @ rng.normal(size=30), 0.05, 0.3, positive)
    pivoted = dense(gram.solve(np.zeros(40)), 40)
    monkeypatch.setattr("spatialrag.solvers.working_set.pivoting._PATIENCE", -1)
    np.testing.assert_allclose(dense(gram.solve(np.zeros(40)), 40), pivoted, atol=1e-9)


def test_correction_is_a_newton_step(rng):
    design = rng.normal(size=(20, 6))
    gram = Gram(design.T @ design, design.T @ rng.normal(size=20), 0.5, 0.0, positive=False)
    active = gram.on(np.ones(6, np.int8))
    slope = rng.normal(size=6)
    expected = np.linalg.solve(gram.gram + 0.5 * np.eye(6), slope)
    np.testing.assert_allclose(active.correct(slope), expected)


def test_singular_blocks_are_reported():
    gram = Gram(-np.eye(3), np.ones(3), 0.0, 0.0, positive=True)
    with pytest.raises(NotPositiveDefiniteError):
        gram.solve(np.zeros(3))


@pytest.mark.parametrize("positive", [True, False])
def test_penalties_of_each_variable_are_those_of_scaled_columns(rng, positive):
    design, target = rng.normal(size=(20, 6)), rng.normal(size=20)
    unit = 2.0 ** rng.integers(-3, 4, 6)
    plain = Gram(design.T @ design, design.T @ target, 0.3, 1.0, positive)
    scaled = design * unit
    units = Gram(scaled.T @ scaled, scaled.T @ target, 0.3 * unit**2, unit, positive)
    np.testing.assert_allclose(
        unit * dense(units.solve(np.zeros(6)), 6), dense(plain.solve(np.zeros(6)), 6), atol=1e-12
    )


def test_units_make_columns_alike():
    squares = np.array([1e12, 4.0, 1e-12, 0.0])
    assert is_uneven(squares)
    assert not is_uneven(squares[:1])
    assert not is_uneven(np.zeros(2))
    units = units_of(squares)
    assert (np.log2(units) % 1 == 0).all()
    assert ((squares[:3] * units[:3] ** 2 >= 0.5) & (squares[:3] * units[:3] ** 2 <= 2)).all()
    assert np.isfinite(units).all()
