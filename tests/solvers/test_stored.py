import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.solvers import stored as module
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.stored import open_design, write_design
from spatialrag.solvers.working_set.working_set import WorkingSet


@pytest.fixture
def rows(rng):
    return np.abs(rng.normal(size=(500, 12))).astype(np.float16)


@pytest.fixture
def design(tmp_path, rows, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", 64 * 12 * 2)
    return write_design(tmp_path / "design.zarr", np.array_split(rows, 7), (12, 500))


def test_reads_what_was_written_in_whole_chunks(design, rows, tmp_path):
    assert design.shape == (12, 500)
    assert design.array.chunks == (64, 12)
    blocks = list(design.blocks(150))
    assert [len(references) for references, _ in blocks] == [128, 128, 128, 116]
    np.testing.assert_array_equal(np.concatenate([r for _, r in blocks]), rows.astype(np.float32))
    again = open_design(tmp_path / "design.zarr")
    assert again.fingerprint == design.fingerprint


def test_unwanted_chunks_are_not_read(design, rows, monkeypatch):
    read = []
    original = type(design)._read
    monkeypatch.setattr(
        type(design), "_read", lambda self, r: read.append(len(r)) or original(self, r)
    )
    wanted = np.isin(np.arange(500), [3, 130, 131])
    (first, a), (second, b) = design.blocks(100, wanted)
    assert first.tolist() == [3]
    assert second.tolist() == [130, 131]
    np.testing.assert_array_equal(np.concatenate([a, b]), rows[[3, 130, 131]].astype(np.float32))
    assert read == [1, 2]


def test_held_references_can_be_taken_in_any_order(design, rows):
    design.hold(np.array([499, 3, 70, 3]))
    design.hold(np.array([3, 71]))
    np.testing.assert_array_equal(design.take(np.array([70, 499, 71])), rows[[70, 499, 71]])
    assert design.take(np.empty(0, int)).shape == (0, 12)


@pytest.mark.parametrize("positive", [True, False])
def test_solves_as_in_memory(design, rows, rng, positive):
    targets = np.abs(rng.normal(size=(12, 4)))
    solver = WorkingSet(tol=1e-10, grow=5)
    groups = np.arange(500) // 100
    changes = {"banned": np.array([0, 1, -1, 4]), "groups": groups, "positive": positive}
    ours = solver.solve(Problem(design, targets, 0.5, 0.3, **changes)).require_converged()
    memory = solver.solve(Problem(rows.astype(np.float32).T, targets, 0.5, 0.3, **changes))
    np.testing.assert_allclose(ours.weights.toarray(), memory.weights.toarray(), atol=1e-9)


def test_ridge_streams_too(design, rows, rng):
    targets = rng.normal(size=(12, 2))
    ours = WorkingSet().solve(Problem(design, targets, 0.0, 1.0, positive=False))
    memory = WorkingSet().solve(
        Problem(rows.astype(np.float64).T, targets, 0.0, 1.0, positive=False)
    )
    np.testing.assert_allclose(ours.weights.toarray(), memory.weights.toarray(), atol=1e-9)
    assert ours.converged.all()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([np.ones((3, 5))], "do not match the shape"),
        ([np.ones((9, 4))], "do not match the shape"),
        ([np.ones((3, 4))], "too few references"),
        ([np.full((8, 4), np.nan)], "NaN or inf as float16"),
        ([np.full((8, 4), 1e6)], "use float32"),
        ([np.ones((4, 4)), np.full((4, 4), 1e-8)], "references 4, 5, 6, 7 are too small"),
        ([np.diag([1, 1, 1, 1e-7])] * 2, "references 3 are too small"),
        ([np.full((8, 4), 1 + 1j)], "does not hold real numbers"),
        ([np.ma.masked_equal(np.eye(8, 4), 0)], "masked"),
    ],
)
def test_bad_blocks_leave_nothing_behind(tmp_path, blocks, message):
    with pytest.raises(InputError, match=message):
        write_design(tmp_path / "design.zarr", blocks, (4, 8))
    assert list(tmp_path.iterdir()) == []


def test_small_values_beside_large_ones_are_stored_and_counted(tmp_path):
    rows = np.ones((8, 4))
    rows[2, 1], rows[3, 0], rows[5, :2] = 1e-9, -1e-9, 0.0
    with pytest.warns(UserWarning, match="2 of 32 values of the design are too small for float16"):
        design = write_design(tmp_path / "design", [rows[:3], rows[3:]], (4, 8))
    np.testing.assert_array_equal(design.array[:], np.where(np.abs(rows) < 1, 0, 1))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_a_precision_rounds_as_usual_is_stored_in_silence(tmp_path, rng, recwarn, dtype):
    rows = rng.normal(size=(50, 40)) * 10.0 ** rng.integers(-2, 3, (50, 1))
    design = write_design(tmp_path / "design", [rows], (40, 50), dtype=dtype)
    np.testing.assert_array_equal(design.array[:], rows.astype(dtype))
    assert len(recwarn) == 0


@pytest.mark.parametrize("shape", [(0, 8), (4, 0)])
def test_a_design_has_rows_and_references(tmp_path, shape):
    with pytest.raises(InputError, match="needs rows and references"):
        write_design(tmp_path / "design", [], shape)
    assert list(tmp_path.iterdir()) == []


def test_bad_paths(tmp_path, design):
    with pytest.raises(InputError, match="exists"):
        write_design(tmp_path / "design.zarr", [], (12, 500))
    with pytest.raises(InputError, match="float16 or float32"):
        write_design(tmp_path / "other", [], (12, 500), dtype="int8")
    with pytest.raises(InputError, match="not a design"):
        open_design(tmp_path / "absent")
