"""Vectors of texts on disk, so that no text is embedded twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.file_kind import UNREADABLE
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.replace import replace_file, replace_text
from spatialrag.semantics.embedder import TextEmbedder

_TEXTS = 256  # per file: what an interrupted run may lose


def embed_texts(
    embedder: TextEmbedder,
    texts: Sequence[str],
    *,
    instruction: str = "",
    cache: str | Path | None = None,
) -> np.ndarray:
    """Return one vector per text, (n, dim) float32; equal texts are embedded once.

    Parameters
    ----------
    embedder, texts, instruction
        As in `TextEmbedder.embed`.
    cache
        Folder that vectors are kept in, by model, revision, pooling, instruction and text. Several
        processes may share it: files are replaced whole, and equal texts have equal vectors.

    Raises
    ------
    InputError
        No texts, a damaged file in the cache, or what the embedder refuses.
    """
    if not len(texts):
        raise InputError("there are no texts to embed")
    keys = np.array([fingerprint(text) for text in texts])
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    folder = None if cache is None else _folder(Path(cache), embedder, instruction)
    known = {} if folder is None else _read(folder)
    missing = [i for i in np.sort(first) if keys[i] not in known]
    starts = range(0, len(missing), _TEXTS)
    for start in track(starts, label="texts", total=len(starts)):
        part = missing[start : start + _TEXTS]
        vectors = embedder.embed([texts[i] for i in part], instruction=instruction)
        if folder is not None:
            _write(folder, keys[part], vectors)
        known.update(zip(keys[part], vectors, strict=True))
    return np.stack([known[key] for key in unique])[inverse]


def _folder(cache: Path, embedder: TextEmbedder, instruction: str) -> Path:
    identity = {**embedder.identity, "instruction": instruction}
    folder = cache / fingerprint(json.dumps(identity, sort_keys=True))[:16]
    if not (folder / "identity.json").exists():
        replace_text(folder / "identity.json", json.dumps(identity, indent=1))
    return folder


def _write(folder: Path, keys: np.ndarray, vectors: np.ndarray) -> None:
    with (
        replace_file(folder / f"{fingerprint(keys)[:16]}.npz") as aside,
        aside.open("wb") as stream,
    ):
        np.savez(stream, keys=keys, vectors=vectors.astype(np.float32))


def _read(folder: Path) -> dict[str, np.ndarray]:
    known: dict[str, np.ndarray] = {}
    dims = set()
    for path in sorted(folder.glob("*.npz")):
        if path.name.startswith("."):
            continue  # somebody is writing it
        try:
            keys, vectors = _load(path)
        except FileNotFoundError:
            continue  # somebody emptied the cache meanwhile
        except UNREADABLE as error:
            raise InputError(
                f"the cache file {path} cannot be read",
                got=f"{type(error).__name__}: {error}",
                fix="delete it: its texts are embedded again",
            ) from error
        known.update(zip(keys, vectors, strict=True))
        dims.add(vectors.shape[1])
    if len(dims) > 1:
        raise InputError(
            f"the cache {folder} holds vectors of several dimensions",
            got=", ".join(map(str, sorted(dims))),
            fix="delete it, and name the model's revision where the model changed",
        )
    return known


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        keys, vectors = stored["keys"], stored["vectors"]
    if keys.dtype.kind != "U" or vectors.dtype != np.float32 or vectors.ndim != 2:
        raise ValueError(f"keys {keys.dtype}, vectors {vectors.dtype}{vectors.shape}")
    if keys.shape != vectors.shape[:1] or not np.isfinite(vectors).all():
        raise ValueError("keys and vectors that do not match, or NaN")
    return keys, vectors
