"""Where a result comes from: content hashes and versions."""

import dataclasses
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

_BLOCK = 1 << 22


def fingerprint(*parts: object) -> str:
    """Return a SHA-256 hex digest of strings, numbers, arrays and sparse matrices, in order.

    Arrays contribute their dtype kind, shape and bytes, so equal digests mean equal content.
    """
    digest = hashlib.sha256()
    for part in parts:
        _update(digest, part)
    return digest.hexdigest()


def _update(digest: "hashlib._Hash", part: Any) -> None:
    if isinstance(part, Path):
        with part.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    elif sparse.issparse(part):
        matrix = part.tocsr()
        matrix.sort_indices()
        for piece in (
            matrix.data,
            matrix.indices.astype(np.int64),
            matrix.indptr.astype(np.int64),
        ):
            _update(digest, piece)
        digest.update(repr(matrix.shape).encode())
    elif isinstance(part, np.ndarray) and part.dtype.kind in "biuf":
        digest.update(f"{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    elif isinstance(part, (list, tuple, np.ndarray)):
        digest.update(f"[{len(part)}]".encode())
        for item in part:
            _update(digest, str(item))
    else:
        text = str(part).encode()
        digest.update(f"{len(text)}:".encode() + text)


def origin(settings: object = None) -> dict[str, object]:
    """Return package version, platform, devices and the settings of a method as plain values."""
    record: dict[str, object] = {
        "spatialrag": version("spatialrag"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "device": "cpu",
    }
    if settings is not None:
        record["method"] = type(settings).__name__
        record["settings"] = plain(settings)
        record["device"] = ", ".join(sorted(_devices(record["settings"]))) or "cpu"
    return record


def _devices(settings: object) -> set[str]:
    """Return every device that plain settings name."""
    if isinstance(settings, list):
        return {device for part in settings for device in _devices(part)}
    if not isinstance(settings, dict):
        return set()
    own = {settings["device"]} if isinstance(settings.get("device"), str) else set()
    return own | _devices(list(settings.values()))


def plain(value: object) -> object:
    """Return a settings object as plain values for JSON; data by hash, foreign objects by type."""
    if hasattr(value, "fingerprint"):
        return f"{type(value).__name__} {value.fingerprint}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    return str(value) if isinstance(value, Path) else type(value).__name__
