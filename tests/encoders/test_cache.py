import os
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from spatialrag.encoders.cache import VectorCache
from spatialrag.errors import InputError

VECTORS = np.arange(60, dtype=np.float32).reshape(20, 3)
KEY = "0123456789abcdef" * 4


def cache(folder, *, name="s-color", key=KEY, n_rows=20):
    return VectorCache(folder, name, key=key, n_rows=n_rows)


def fill(folder, *edges, **how):
    """Keep the batches between these rows."""
    kept = cache(folder, **how)
    for start, stop in pairwise(edges):
        kept.append(VECTORS[start:stop], start)
    return kept


def resumed(folder):
    parts = cache(folder).resume()
    return np.concatenate(parts) if parts else np.empty((0, 3))


def parts_of(folder):
    return sorted(folder.glob("*.part.npz"))


def test_finished_vectors_come_back_with_their_facts(tmp_path):
    kept = fill(tmp_path, 0, 8, 16)
    assert kept.finished() is None
    kept.finish(VECTORS, {"n_off": None, "mpp": 0.5})
    vectors, facts = cache(tmp_path).finished()
    np.testing.assert_array_equal(vectors, VECTORS)
    assert facts == {"n_off": None, "mpp": 0.5}
    assert len(list(tmp_path.iterdir())) == 1
    assert cache(tmp_path, key="f" * 64).finished() is None


def test_batches_are_taken_up_in_order(tmp_path):
    fill(tmp_path, 0, 8, 16)
    np.testing.assert_array_equal(resumed(tmp_path), VECTORS[:16])


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_batch_never_shifts_the_others(tmp_path, lost):
    fill(tmp_path, 0, 5, 10, 15)
    parts_of(tmp_path)[lost].unlink()
    np.testing.assert_array_equal(resumed(tmp_path), VECTORS[: 5 * lost])


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def flip(path):
    """One byte of the vectors: their checksum tells."""
    data = bytearray(path.read_bytes())
    place = data.find(VECTORS[7].tobytes())
    data[place] ^= 1
    path.write_bytes(data)


def of_another_slide(path):
    other = path.parent / "other"
    fill(other, 5, 10, key="f" * 64)
    path.write_bytes(parts_of(other)[0].read_bytes())


def of_other_rows(path):
    path.write_bytes(parts_of(path.parent)[0].read_bytes())


def as_an_array(path):
    with path.open("wb") as stream:
        np.save(stream, VECTORS[5:10])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, of_another_slide, of_other_rows, as_an_array, empty])
def test_a_damaged_batch_is_computed_again(tmp_path, damage):
    fill(tmp_path, 0, 5, 10, 15)
    damage(parts_of(tmp_path)[1])
    np.testing.assert_array_equal(resumed(tmp_path), VECTORS[:5])


@pytest.mark.parametrize("damage", [cut, flip, as_an_array, empty])
def test_damaged_vectors_are_computed_again(tmp_path, damage):
    cache(tmp_path).finish(VECTORS, {})
    (path,) = tmp_path.iterdir()
    damage(path)
    assert cache(tmp_path).finished() is None


def test_batches_of_two_sizes_side_by_side(tmp_path):
    """Two processes with other batch sizes: their batches overlap."""
    fill(tmp_path, 0, 4, 8, 12)
    fill(tmp_path, 0, 6, 12, 18)
    np.testing.assert_array_equal(resumed(tmp_path), VECTORS[:18])
    (tmp_path / parts_of(tmp_path)[1].name).unlink()  # rows 0 to 6
    np.testing.assert_array_equal(resumed(tmp_path), VECTORS[:18])


@pytest.mark.parametrize(
    "name",
    ["../REL-color", "/abs/x", "a/b\\c:d", "..", "", "-rf", "x" * 400, "näme\n\x1b[2J", "$(ls)"],
)
def test_names_stay_in_the_folder(tmp_path, name):
    folder = tmp_path / "cache"
    fill(folder, 0, 8, name=name).finish(VECTORS, {})
    (path,) = folder.iterdir()
    assert list(tmp_path.iterdir()) == [folder]
    assert path.name.isascii()
    assert path.name.isprintable()
    assert not path.name.startswith((".", "-"))
    assert not set(path.name) & set("/\\:\n")
    assert cache(folder, name=name).finished() is not None


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="cannot be written"):
            cache(folder)


def test_a_full_disk_costs_the_cache_and_not_the_vectors(tmp_path, monkeypatch):
    kept = cache(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="takes no more vectors .No space left on device"):
        kept.append(VECTORS[:5], 0)
    kept.append(VECTORS[5:10], 5)
    kept.finish(VECTORS, {})
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_cleared(tmp_path):
    kept = cache(tmp_path)
    kept.append(VECTORS[:5], 0)
    stem = parts_of(tmp_path)[0].name.split(".")[0]
    old, new = (tmp_path / f".{stem}.{name}.tmp" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    kept.finish(VECTORS, {})
    assert not old.exists()
    assert new.exists()  # perhaps another process is writing it


RACE = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from spatialrag.encoders.cache import VectorCache

    folder, batch, start = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    vectors = np.arange(60, dtype=np.float32).reshape(20, 3)
    while time.time() < start:
        pass
    for turn in range(60):
        kept = VectorCache(folder, "s", key=f"{turn:016d}" * 4, n_rows=20)
        found = kept.finished()
        if found is None:
            parts = kept.resume()
            done = sum(map(len, parts))
            for first in range(done, 20, batch):
                part = vectors[first : first + batch]
                kept.append(part, first)
                parts.append(part)
            whole = np.concatenate(parts)
            kept.finish(whole, {})
        else:
            whole = found[0]
        assert np.array_equal(whole, vectors), turn
"""


def test_two_processes_share_a_folder(tmp_path):
    script = tmp_path / "race.py"
    script.write_text(textwrap.dedent(RACE))
    folder, start = tmp_path / "cache", time.time() + 1.0
    command = [sys.executable, str(script), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.Popen(
            [*command, str(batch), str(start)], stderr=subprocess.PIPE, env=environment
        )
        for batch in (3, 4)
    ]
    errors = [run.communicate(timeout=60)[1].decode() for run in runs]
    assert errors == ["", ""]
    assert [run.returncode for run in runs] == [0, 0]
    for turn in range(60):
        kept = VectorCache(folder, "s", key=f"{turn:016d}" * 4, n_rows=20)
        np.testing.assert_array_equal(kept.finished()[0], VECTORS)
    assert len(list(Path(folder).iterdir())) == 60
