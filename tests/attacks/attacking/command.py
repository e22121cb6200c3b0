"""The command in this process, and what every ending of it must be like."""

import hashlib
import io
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spatialrag.cli import app

LONGEST = 120  # seconds: on this tiny tissue nothing takes a tenth of it
_LOG = re.compile(r"\S*spatialrag-\S+\.log")
_ADVICE = re.compile(r"^\s+(expected|got|fix): |^\s+- ", re.MULTILINE)
# What a terminal would obey: all controls but line feeds and tabs, marks that turn text around.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class HangError(BaseException):
    """A verb that did not end: no handler of the command may catch it."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str
    arguments: tuple[str, ...]

    @property
    def refused(self) -> bool:
        return self.code == 2

    def __str__(self) -> str:
        return f"spatialrag {' '.join(map(ascii, self.arguments))}\n-> {self.code}\n{self.err}"


def run(*arguments: object) -> Outcome:
    """Run ``spatialrag`` in this process, as a terminal without UTF-8 problems would."""
    words = tuple(map(str, arguments))
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    before = sys.argv, sys.stdout, sys.stderr
    sys.argv, sys.stdout, sys.stderr = ["spatialrag", *words], out, err
    code: object = 0
    try:
        with _limited(LONGEST), warnings.catch_warnings():
            app.main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    said = [stream.buffer.getvalue().decode() for stream in map(_flushed, (out, err))]
    return Outcome(int(code) if isinstance(code, int) else 1, *said, words)


def attempt(
    *arguments: object,
    outputs: Sequence[Path] = (),
    inputs: Sequence[Path] = (),
    kept: Sequence[str] = (),
) -> Outcome:
    """Run a verb and check what holds for all of them, however hostile the input.

    Parameters
    ----------
    arguments
        Of the command.
    outputs
        What it may write. After a refusal they are as before; nothing else appears beside them.
    inputs
        What it reads: never changed.
    kept
        Beginnings of names that may appear beside outputs also after a refusal: caches and
        checkpoints, which keep what was finished.
    """
    before = {path: state(path) for path in (*outputs, *inputs)}
    folders = {path.parent for path in outputs}
    beside = {folder: _names(folder) for folder in folders}
    outcome = run(*arguments)
    judge(outcome)
    for path in inputs:
        if path not in outputs:
            assert state(path) == before[path], f"{path} was changed\n{outcome}"
    named = {path.name for path in outputs}
    for folder in folders:
        new = {
            name
            for name in _names(folder) - beside[folder]
            if not any(name.startswith(start) for start in kept)
        }
        allowed = set() if outcome.refused else named
        assert new <= allowed, f"left behind: {sorted(new - allowed)}\n{outcome}"
    if outcome.refused:
        for path in outputs:
            assert state(path) == before[path], f"{path} is not as before\n{outcome}"
    return outcome


def judge(outcome: Outcome) -> None:
    """Raise AssertionError unless a command succeeded, or refused as one refuses."""
    if found := _LOG.search(outcome.err):
        log = Path(found.group())
        text = log.read_text(encoding="utf-8") if log.is_file() else ""
        log.unlink(missing_ok=True)
        raise AssertionError(f"a bug\n{outcome}\n{text}")
    assert outcome.code in (0, 2), f"exit code\n{outcome}"
    assert "Traceback (most recent call last)" not in outcome.err + outcome.out, str(outcome)
    for text in (outcome.out, outcome.err):
        found = _OBEYED.search(text)
        assert found is None, f"a terminal obeys {found.group()!r}\n{outcome}"
    if outcome.refused and not outcome.err.lstrip().startswith("Usage:"):
        assert "error: " in outcome.err, f"no message\n{outcome}"
        said = outcome.err[outcome.err.index("error: ") :]
        assert _ADVICE.search(said), f"neither expected, got nor fix\n{outcome}"
        assert len(said) < 10_000, f"a message of {len(said)} characters"


def state(path: Path) -> object:
    """Return what tells whether a file or folder is as it was: names and bytes."""
    if path.is_symlink():
        return "link", path.readlink()
    if path.is_dir():
        parts = sorted(path.rglob("*"))
        return tuple((str(p.relative_to(path)), state(p)) for p in parts if not p.is_dir())
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _flushed(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    stream.flush()
    return stream


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise `HangError` in the block after so many seconds (not on Windows, nor in threads)."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(*_: object) -> None:
        raise HangError(f"more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
