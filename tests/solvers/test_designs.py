import numpy as np

from spatialrag.solvers.designs import ArrayDesign


def test_array_design_yields_every_wanted_reference_once(rng):
    design = rng.normal(size=(4, 10))
    array = ArrayDesign.of(design)
    assert array.shape == (4, 10)
    blocks = list(array.blocks(3))
    np.testing.assert_array_equal(np.concatenate([r for r, _ in blocks]), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in blocks]), design.T)
    wanted = np.isin(np.arange(10), [1, 8])
    (references, rows), *rest = array.blocks(3, wanted)
    assert references.tolist() == [1, 8]
    assert not rest
    np.testing.assert_array_equal(rows, array.take(references))


def test_float64_stays_and_the_rest_becomes_float32_where_that_loses_nothing(rng):
    for dtype, kept in (
        (np.float64, np.float64),
        (np.float32, np.float32),
        (np.float16, np.float32),
        (int, np.float32),
        (np.uint8, np.float32),
        (bool, np.float32),
    ):
        assert ArrayDesign.of(np.ones((2, 3), dtype)).rows.dtype == kept
    rows = np.ascontiguousarray(rng.normal(size=(5, 2)))
    assert np.shares_memory(ArrayDesign.of(rows.T).rows, rows)


def test_whole_numbers_keep_their_digits():
    for largest, kept in ((2**24, np.float32), (2**24 + 1, np.float64), (-(2**40) - 1, np.float64)):
        design = np.array([[largest, 1]])
        rows = ArrayDesign.of(design).rows
        assert rows.dtype == kept
        np.testing.assert_array_equal(rows.astype(np.int64), design.T)


def test_fingerprint_follows_the_content(rng):
    design = rng.normal(size=(4, 10))
    first, same = ArrayDesign.of(design), ArrayDesign.of(design.copy())
    assert first.fingerprint == same.fingerprint != ArrayDesign.of(design + 1).fingerprint
