"""Files of text, plain or gzipped: UTF-8, or UTF-16 that says so; nothing else is guessed at."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from spatialrag.errors import InputError
from spatialrag.file_kind import kind_of, refusal, require_file, unreadable_path

LARGEST = 4 << 30  # bytes unpacked: a small file that unpacks to more is no table
_BLOCK = 1 << 24


def read_text(path: str | Path, *, expected: str = "a table (CSV or TSV)") -> str:
    r"""Return a file's text, unpacked when it is gzipped, with ``\n`` at the ends of lines.

    Parameters
    ----------
    path
        The file; what it is is told from its content, not its name.
    expected
        What it should be, with an article, for messages.

    Raises
    ------
    InputError
        No such file, one that is not text, a cut gzip file, or another encoding than UTF-8.
    """
    path = require_file(path)
    if kind_of(path).key != "text":
        raise refusal(path, expected)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable_path(path, error) from error
    if content[:2] == b"\x1f\x8b":
        content = _unpack(path, expected)
    return decode(content, name=path.name)


def decode(content: bytes, *, name: str) -> str:
    """Return bytes as text: UTF-8 with or without a mark, or UTF-16 with one.

    Raises
    ------
    InputError
        Another encoding: Latin-1 and its relatives cannot be told apart, and names must not be
        guessed.
    """
    encoding = "utf-8-sig"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{name} is not UTF-8 text",
            expected="UTF-8 (plain ASCII is)",
            got=f"byte {content[error.start]:#04x} in line {line}, as Latin-1 or Windows text has",
            fix="save it as UTF-8: in a spreadsheet 'CSV UTF-8', on a terminal "
            "`iconv -f latin1 -t utf8`",
        ) from error
    if "\0" in text:
        raise InputError(f"{name} is no text", got="bytes of 0", fix="export it again as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str | Path, *, expected: str) -> dict[str, Any]:
    """Return a JSON object, plain or gzipped.

    Raises
    ------
    InputError
        What `read_text` refuses, or text that is no JSON object.
    """
    text = read_text(path, expected=expected)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refusal(path, expected, got=f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise refusal(path, expected, got=f"JSON of a {type(found).__name__}, not an object")
    return found


def _unpack(path: Path, expected: str) -> bytes:
    blocks, total = [], 0
    try:
        with gzip.open(path) as stream:
            while block := stream.read(_BLOCK):
                total += len(block)
                if total > LARGEST:
                    raise refusal(path, expected, got=f"more than {LARGEST >> 30} GiB unpacked")
                blocks.append(block)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path.name} is cut short or damaged",
            expected=expected,
            got=f"gzip data that end or break after {total} bytes",
            fix="download or copy it again",
        ) from error
    return b"".join(blocks)
