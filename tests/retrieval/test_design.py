import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.retrieval.design import make_block, stack

VALUES = np.random.default_rng(0).normal(3, 2, (30, 5))


def test_scalings():
    raw = make_block(VALUES, scaling="raw")
    np.testing.assert_allclose(raw.rows, VALUES, rtol=1e-6)
    for scaling in ("variance", "standardized"):
        block = make_block(VALUES, scaling=scaling)
        assert block.rows.var(axis=0).sum() == pytest.approx(1, rel=1e-5)
        np.testing.assert_allclose(block.queries(VALUES), block.rows, rtol=1e-5, atol=1e-6)
    assert abs(block.rows.mean(axis=0)).max() < 1e-6


def test_units_of_a_block_do_not_matter_after_scaling():
    one = make_block(VALUES, scaling="variance")
    other = make_block(1000 * VALUES, scaling="variance")
    np.testing.assert_allclose(one.rows, other.rows, rtol=1e-5)


def test_one_reference_has_no_variance():
    block = make_block(VALUES[:1], scaling="variance")
    np.testing.assert_allclose(block.rows, VALUES[:1], rtol=1e-6)


def test_stack_and_errors():
    assert stack([VALUES, VALUES[:, :2]]).shape == (30, 7)
    with pytest.raises(InputError, match="unknown scaling"):
        make_block(VALUES, scaling="z")
