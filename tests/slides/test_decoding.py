import re
import struct
import zlib
from pathlib import Path

import pytest

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.slides import decoding as room
from spatialrag.slides.decoding import available_memory, check_decodable, decoding
from spatialrag.slides.slide import open_slide


def test_what_libraries_raise_becomes_ours():
    for error in (OSError("x"), ValueError("y"), struct.error("z"), SyntaxError("w")):
        message = rf"(?s)a\.png cannot.*{type(error).__name__}"
        with pytest.raises(InputError, match=message), decoding(Path("a.png")):
            raise error
    message = r"(?s)into memory.*vips tiffsave a\.png a\.pyramid\.tif"
    with pytest.raises(InputError, match=message), decoding(Path("a.png")):
        raise MemoryError
    for error in (KeyboardInterrupt(), MissingDependencyError("a", extra="b", needed_for="c")):
        with pytest.raises(type(error)), decoding(Path("a.png")):
            raise error


def test_free_memory_is_known_here():
    assert available_memory() is None or available_memory() > 1 << 20


def test_a_picture_larger_than_the_memory(tmp_path, monkeypatch):
    path = tmp_path / "my slide.jpg"
    path.write_bytes(b"0" * 1_000_000)
    check_decodable(path, (9000, 9000))
    monkeypatch.setattr(room, "available_memory", lambda: 500_000_000)
    with pytest.raises(InputError, match=r"(?s)too large to be decoded as a whole.*0\.5 GB") as e:
        check_decodable(path, (9000, 9000))
    assert "vips tiffsave 'my slide.jpg' 'my slide.pyramid.tif' --tile --pyramid" in str(e.value)
    monkeypatch.setattr(room, "available_memory", lambda: None)
    check_decodable(path, (9000, 9000))


def test_a_decompression_bomb(tmp_path):
    """20,000 x 20,000 blank pixels in 50 kB (1 bit each)."""
    side, stream = 20_000, zlib.compressobj(9)
    row = b"\0" + b"\xff" * (side // 8)
    data = b"".join(stream.compress(row) for _ in range(side)) + stream.flush()
    header = struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)
    path = tmp_path / "bomb.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
            file.write(struct.pack(">I", len(body)) + name + body)
            file.write(struct.pack(">I", zlib.crc32(name + body)))
    with pytest.raises(InputError, match=r"(?s)no picture of tissue.*20000 x 20000"):
        open_slide(path)


def test_no_pixels():
    with pytest.raises(InputError, match=re.escape("got:      0 x 5")):
        check_decodable(Path("a"), (0, 5))
