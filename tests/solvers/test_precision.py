import numpy as np
import pytest

from spatialrag.solvers.precision import (
    REACH,
    fits_float32,
    gram_fits,
    in_reach,
    products_fit,
    target_fits,
)


def test_all_of_float32_is_in_reach():
    limits = np.finfo(np.float32)
    assert in_reach(np.array([0.0, limits.smallest_subnormal, 1.0, limits.max])).all()
    assert not in_reach(np.array([REACH * 2, 0.5 / REACH, np.inf, np.nan])).any()


def test_squares_of_what_fits_float32_are_right_in_it():
    for exponent in np.linspace(-44, 38, 200):
        value = np.float32(10.0) ** np.float32(exponent)
        with np.errstate(all="ignore"):
            square = value * value
        if target_fits(float(value)) and fits_float32(float(value) ** 2):
            assert float(square) == pytest.approx(float(value) ** 2, rel=1e-6)
    assert target_fits(0.0)
    assert not gram_fits(1.0, 1e35, 0.0)
    assert not gram_fits(1.0, 0.0, 1e35)
    assert not gram_fits(float("nan"), 0.0, 1.0)


def test_products_fit_where_they_neither_overflow_nor_vanish():
    one = np.ones(1)
    assert products_fit(1.0, one, one)
    assert products_fit(1.0, np.array([0.0, 1.0]), np.zeros(2))
    for norm, length, l1 in (
        (1e18, 1e18, 1.0),
        (1e-26, 1.0, 0.1),
        (1.0, 1e-40, 0.0),
        (1.0, 1.0, 1e39),
    ):
        assert not products_fit(norm, length * one, l1 * one)
