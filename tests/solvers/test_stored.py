import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.solvers import stored as module
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.stored import open_design, write_design
from spatialrag.solvers.working_set import WorkingSet


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
    ],
)
def test_bad_blocks_leave_nothing_behind(tmp_path, blocks, message):
    with pytest.raises(InputError, match=message):
        write_design(tmp_path / "design.zarr", blocks, (4, 8))
    assert list(tmp_path.iterdir()) == []


def test_bad_paths(tmp_path, design):
    with pytest.raises(InputError, match="exists"):
        write_design(tmp_path / "design.zarr", [], (12, 500))
    with pytest.raises(InputError, match="float16 or float32"):
        write_design(tmp_path / "other", [], (12, 500), dtype="int8")
    with pytest.raises(InputError, match="not a design"):
        open_design(tmp_path / "absent")
