"""The plug-in point of language models: texts to vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from spatialrag.errors import InputError
from spatialrag.registry import embedders


class TextEmbedder(Protocol):
    """Anything that turns texts into vectors; frozen, so that vectors can be kept.

    Examples
    --------
    >>> from spatialrag.semantics.embedder import embedder_of
    >>> model: TextEmbedder = embedder_of("minilm")  # doctest: +SKIP
    """

    @property
    def identity(self) -> dict[str, object]:
        """All that its vectors depend on: model, revision, pooling, dimension."""

    def embed(self, texts: Sequence[str], *, instruction: str = "") -> np.ndarray:
        """Return one vector per text, (n, dim), in the order of the texts.

        Parameters
        ----------
        texts
            What is represented.
        instruction
            What it is represented for: the system turn of a chat model, or put before the text.
        """


def embedder_of(spec: str) -> TextEmbedder:
    """Return the embedder that a specification names.

    Parameters
    ----------
    spec
        ``NAME:WHERE``, say ``endpoint:http://localhost:8000/v1#model``, ``language_model:DIR``,
        ``embedding_model:DIR``, ``sentence_transformers:DIR``, or ``minilm``.
    """
    name, _, where = spec.partition(":")
    return embedders.get(name)(where)


def require_vectors(found: np.ndarray, n_texts: int, source: str) -> np.ndarray:
    """Return vectors as (n_texts, dim) float32, or raise when they are not."""
    with np.errstate(over="ignore"):  # becomes inf, which is told below
        vectors = np.asarray(found, np.float32)
    if vectors.ndim != 2 or len(vectors) != n_texts or vectors.shape[1] == 0:
        raise InputError(
            f"{source} answered with vectors of another shape",
            expected=f"({n_texts}, dim)",
            got=str(vectors.shape),
        )
    if not np.isfinite(vectors).all():
        raise InputError(f"{source} answered with NaN or inf", fix="run the model in float32")
    return vectors
