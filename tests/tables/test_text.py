import gzip
import json

import pytest

from spatialrag.errors import InputError
from spatialrag.tables.text import read_json, read_text


def written(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"a,\xc3\xa9\r\n1,2\r\n",
        "\ufeffa,é\n1,2\n".encode(),
        "a,é\n1,2\n".encode("utf-16"),
        b"a,\xc3\xa9\r1,2\r",
        gzip.compress("a,é\n1,2\n".encode(), mtime=0),
    ],
)
def test_text_as_it_is(tmp_path, content):
    assert read_text(written(tmp_path, content)) == "a,é\n1,2\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb,\xe9\n", r"(?s)not UTF-8.*byte 0xe9 in line 2"),
        (b"", "empty file"),
        (gzip.compress(b"a,b\n" * 5000, mtime=0)[:-12], "cut short"),
        (gzip.compress(bytes(range(32, 120)) * 900, mtime=0)[:-9] + b"12345678", "cut short"),
        (b"<!doctype html>", "a web page"),
        (b"PK\x03\x04", "a zip archive"),
        (b"version https://git-lfs.github.com", "Git LFS"),
    ],
)
def test_no_text(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_text(written(tmp_path, content))


def test_a_small_file_that_unpacks_to_more_than_a_table(tmp_path, monkeypatch):
    monkeypatch.setattr("spatialrag.tables.text.LARGEST", 1 << 20)
    with pytest.raises(InputError, match="GiB unpacked"):
        read_text(written(tmp_path, gzip.compress(b"a" * (1 << 21), mtime=0)))


def test_json(tmp_path):
    facts = {"microns_per_pixel": 0.27}
    path = written(tmp_path, gzip.compress(json.dumps(facts).encode(), mtime=0), "f.json.gz")
    assert read_json(path, expected="scale factors") == facts
    for content in (b"{", b"[1]", b"NaN,", b"[" * 100_000, b"\xff"):
        with pytest.raises(InputError, match=r"f.json"):
            read_json(written(tmp_path, content, "f.json"), expected="scale factors")
