import json

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics import cache as module
from spatialrag.semantics.cache import embed_texts


class Counting:
    """One dimension per property of a text; remembers what it was asked."""

    def __init__(self, model="m", stop_after=None):
        self.model, self.asked, self.stop_after = model, [], stop_after

    @property
    def identity(self):
        return {"model": self.model}

    def embed(self, texts, *, instruction=""):
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked += list(texts)
        return np.array([[len(t), ord(t[0]), len(instruction)] for t in texts], np.float32)


def test_equal_texts_are_embedded_once_and_order_is_kept():
    embedder = Counting()
    found = embed_texts(embedder, ["bb", "a", "bb", "ccc"])
    assert sorted(embedder.asked) == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(found[:, 0], [2, 1, 2, 3])


def test_second_run_asks_nothing(tmp_path):
    first = embed_texts(Counting(), ["a", "bb"], cache=tmp_path)
    again = Counting()
    np.testing.assert_array_equal(embed_texts(again, ["bb", "a"], cache=tmp_path), first[::-1])
    assert again.asked == []


def test_key_holds_model_and_instruction(tmp_path):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    for embedder, instruction in ((Counting("other"), ""), (Counting(), "do")):
        embed_texts(embedder, ["a"], instruction=instruction, cache=tmp_path)
        assert embedder.asked == ["a"]
    identities = [json.loads(p.read_text()) for p in tmp_path.glob("*/identity.json")]
    assert len(identities) == 3


def test_interrupted_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TEXTS", 2)
    texts = [f"t{i}" for i in range(5)]
    with pytest.raises(KeyboardInterrupt):
        embed_texts(Counting(stop_after=2), texts, cache=tmp_path)
    rest = Counting()
    assert embed_texts(rest, texts, cache=tmp_path).shape == (5, 3)
    assert len(rest.asked) == 3


def test_half_written_file_is_never_read(tmp_path):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    written = next(tmp_path.glob("*/*.npz"))
    written.rename(written.with_suffix(".partial"))
    again = Counting()
    embed_texts(again, ["a"], cache=tmp_path)
    assert again.asked == ["a"]


def test_damaged_file_is_named(tmp_path):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    path = next(tmp_path.glob("*/*.npz"))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for content in (b"nonsense", b"", whole[:100], whole[:-30], bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"(?s)cannot be read.*delete it"):
            embed_texts(Counting(), ["a"], cache=tmp_path)


@pytest.mark.parametrize(
    ("keys", "vectors"),
    [
        (["k"], np.array([[1, np.nan]], np.float32)),
        (["k"], np.ones((2, 2), np.float32)),
        (["k"], np.ones((1, 2), np.int64)),
        (["k"], np.ones(1, np.float32)),
        ([1], np.ones((1, 2), np.float32)),
    ],
)
def test_files_of_another_content_are_named(tmp_path, keys, vectors):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    np.savez(next(tmp_path.glob("*/*.npz")), keys=keys, vectors=vectors)
    with pytest.raises(InputError, match="delete it"):
        embed_texts(Counting(), ["a"], cache=tmp_path)


def test_vectors_of_several_dimensions_are_refused(tmp_path):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    folder = next(tmp_path.glob("*/*.npz")).parent
    np.savez(folder / "other.npz", keys=np.array(["k"]), vectors=np.ones((1, 5), np.float32))
    with pytest.raises(InputError, match=r"(?s)several dimensions.*3, 5"):
        embed_texts(Counting(), ["a"], cache=tmp_path)


def test_what_another_process_is_writing_is_not_read(tmp_path):
    embed_texts(Counting(), ["a"], cache=tmp_path)
    path = next(tmp_path.glob("*/*.npz"))
    path.with_name(f".{path.name}.0-1-0.new.npz").write_bytes(path.read_bytes()[:50])
    again = Counting()
    embed_texts(again, ["a"], cache=tmp_path)
    assert again.asked == []


def test_no_texts():
    with pytest.raises(InputError, match="no texts"):
        embed_texts(Counting(), [])
