"""Vectors of texts on disk, so that no text is embedded twice."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
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
        Folder that vectors are kept in, by model, revision, pooling, instruction and text. Files
        are written aside and renamed: a half-written one is never read.

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
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "identity.json").write_text(json.dumps(identity, indent=1))
    return folder


def _write(folder: Path, keys: np.ndarray, vectors: np.ndarray) -> None:
    path = folder / f"{fingerprint(keys)[:16]}.npz"
    aside = path.with_suffix(".partial")
    with aside.open("wb") as stream:
        np.savez(stream, keys=keys, vectors=vectors.astype(np.float32))
    aside.replace(path)


def _read(folder: Path) -> dict[str, np.ndarray]:
    known = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path) as stored:
                known.update(zip(stored["keys"], stored["vectors"], strict=True))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"the cache file {path} cannot be read", got=str(error), fix="delete it"
            ) from error
    return known
