"""What the image block holds: embeddings as they are, or components supervised by the bank."""

from typing import Literal, Protocol, get_args

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.preprocessing import StandardScaler

from spatialrag.errors import check_choice

ImageBlock = Literal["embedding", "standardized", "supervised"]
IMAGE_BLOCKS = get_args(ImageBlock)
_COMPONENTS = 16


class Morphology(Protocol):
    """Embeddings to the rows of the image block."""

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Return (n, p) of embeddings (n, dim)."""
        ...


class _Embedding:
    def transform(self, vectors: np.ndarray) -> np.ndarray:
        return vectors


class _Standardized:
    def __init__(self, vectors: np.ndarray) -> None:
        self._scaler = StandardScaler().fit(vectors)

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        return self._scaler.transform(vectors).astype(np.float32)


class _Supervised:
    def __init__(self, vectors: np.ndarray, anchors: np.ndarray) -> None:
        self._scaler = StandardScaler().fit(vectors)
        n_components = min(_COMPONENTS, anchors.shape[1], len(vectors) - 1, vectors.shape[1])
        self._pls = PLSRegression(n_components=max(n_components, 1), scale=False)
        self._pls.fit(self._scaler.transform(vectors), anchors)

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        return self._pls.transform(self._scaler.transform(vectors)).astype(np.float32)


def fit_morphology(
    vectors: np.ndarray, anchors: np.ndarray, *, image_block: ImageBlock
) -> Morphology:
    """Return the image block's transform, fitted on references alone.

    Parameters
    ----------
    vectors : (n_references, dim)
    anchors : (n_references, k)
        Expression that supervises the components.
    image_block
        ``embedding`` (Eq. 1 as printed); ``standardized``: each dimension centred and divided by
        its spread over the references; or ``supervised``: 16 partial least squares components
        from standardized embeddings to anchor expression.
    """
    check_choice(image_block, IMAGE_BLOCKS, name="image_block")
    if image_block == "embedding":
        return _Embedding()
    if image_block == "standardized":
        return _Standardized(vectors)
    return _Supervised(vectors, anchors)
