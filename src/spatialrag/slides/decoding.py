"""Around every call into an image library: what it raises, and what it may take of memory."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spatialrag.errors import InputError, SpatialragError

READABLE = (
    "JPEG, PNG, WebP, JPEG 2000, BMP, TIFF, a whole-slide format of OpenSlide, HEST's patches"
)
# Blank JPEGs hold 64 pixels a byte, tissue a few dozen; a deflated blank plane more than 300.
_MOST_PIXELS_PER_BYTE = 200
_LARGE = 100_000_000  # pixels from which on that is asked
_DECODED = 8  # bytes per pixel: the library's copy and ours


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever an image library raises into an `InputError` that names the file.

    Raises
    ------
    InputError
        The file is cut short, damaged, or too large for the memory.
    """
    try:
        yield
    except SpatialragError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path.name} does not fit into memory", fix=pyramid_advice(path)
        ) from error
    except Exception as error:
        said = next(iter(str(error).strip().splitlines()), "")[:200]
        raise InputError(
            f"{path.name} cannot be decoded: the file is damaged, cut short, or not what it says",
            expected=READABLE,
            got=f"{type(error).__name__}: {said}" if said else type(error).__name__,
            fix="copy or download it again, or open it in another program and save it anew",
        ) from error


def check_decodable(path: Path, size: tuple[int, int]) -> None:
    """Refuse a picture that has to be decoded as a whole and cannot be.

    Parameters
    ----------
    path
        The file.
    size
        Width and height that it states, pixels.

    Raises
    ------
    InputError
        It would take more memory than there is, or the file is so small for its pixels that it
        holds no picture (a decompression bomb).
    """
    pixels = size[0] * size[1]
    if pixels < 1:
        raise InputError(f"{path.name} has no pixels", got=f"{size[0]} x {size[1]}")
    if pixels > _LARGE and pixels > _MOST_PIXELS_PER_BYTE * path.stat().st_size:
        raise InputError(
            f"{path.name} is no picture of tissue",
            expected=f"at most {_MOST_PIXELS_PER_BYTE} pixels per byte of the file",
            got=f"{size[0]} x {size[1]} pixels in {path.stat().st_size} bytes: blank, or made to "
            "exhaust memory",
            fix="check where this file comes from",
        )
    needed, free = _DECODED * pixels, available_memory()
    if free is not None and needed > free:
        raise InputError(
            f"{path.name} is too large to be decoded as a whole",
            expected=f"at most {free / 1e9:.1f} GB, the memory that is free",
            got=f"{size[0]} x {size[1]} pixels, about {needed / 1e9:.1f} GB",
            fix=pyramid_advice(path),
        )


def pyramid_advice(path: Path) -> str:
    """Return how to make a file of which only the needed regions are read."""
    name, made = shlex.quote(path.name), shlex.quote(f"{path.stem}.pyramid.tif")
    return (
        "convert it to a tiled pyramid, of which only the needed regions are read: "
        f"vips tiffsave {name} {made} --tile --pyramid --bigtiff --compression jpeg --Q 90"
    )


def available_memory() -> int | None:
    """Return the bytes that can still be allocated, or None where the system does not say."""
    limits = [_free_of_system(), _limit_of_group()]
    return min((limit for limit in limits if limit is not None), default=None)


def _free_of_system() -> int | None:
    try:
        stated = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        stated = None
    if stated:
        return int(stated.group(1)) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _limit_of_group() -> int | None:
    """Return the memory limit of the control group (containers, batch jobs)."""
    for place in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (Path("/sys/fs/cgroup") / place).read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdecimal() else None
    return None
