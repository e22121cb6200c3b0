"""Vectors of the spots of one slide, and what made them."""

from dataclasses import dataclass, field, replace

import numpy as np

from spatialrag.errors import InputError
from spatialrag.slides.placement import Placement


@dataclass(frozen=True)
class EncoderRecord:
    """How vectors were made: equal records mean comparable vectors.

    Parameters
    ----------
    name, fingerprint
        The encoder and its content hash.
    dim
        Length of the vectors, context included.
    patch_um
        Side of the patches, µm (0 for precomputed vectors).
    context
        Nearest spots averaged and joined; 0 for none.
    source
        Where its weights come from, with the revision. Not compared: the fingerprint tells.

    Examples
    --------
    >>> queries.encoder.own_dim, queries.encoder.context
    (154, 6)
    """

    name: str
    fingerprint: str
    dim: int
    patch_um: float
    context: int
    source: str = field(default="", compare=False, repr=False)

    @property
    def own_dim(self) -> int:
        """Length of a spot's own vector; with context, its neighbors' mean follows, as long."""
        return self.dim // 2 if self.context else self.dim

    def without_context(self) -> "EncoderRecord":
        """Return how the spots' own vectors alone were made."""
        return replace(self, dim=self.own_dim, context=0)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Patch embeddings of one slide.

    Parameters
    ----------
    vectors : (n_spots, dim)
        float32.
    slide, spots, xy
        Which spots, and their centres in pixels.
    mpp
        µm per pixel of the slide the patches were cut from; None for precomputed vectors.
    encoder
        How the vectors were made.
    placement
        How the spots lie on the slide; None for precomputed vectors.
    thumbnails : (n_spots, px, px, 3) uint8, optional
        Pictures of the patches, where they were asked for.

    Examples
    --------
    >>> queries.vectors.shape, queries.encoder.name
    ((56, 308), 'color')
    """

    vectors: np.ndarray
    slide: str
    spots: np.ndarray
    xy: np.ndarray
    mpp: float | None
    encoder: EncoderRecord
    placement: Placement | None = None
    thumbnails: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.vectors.shape != (len(self.spots), self.encoder.dim):
            raise InputError(
                f"embeddings of {self.slide!r} have the wrong shape",
                expected=f"({len(self.spots)}, {self.encoder.dim})",
                got=f"{self.vectors.shape}",
            )
        bad = ~np.isfinite(self.vectors).all(axis=1)
        if bad.any():
            raise InputError(
                f"embeddings of {self.slide!r} contain NaN or inf in {bad.sum()} spots",
                got=f"first: {self.spots[bad][0]}",
            )

    def without_context(self) -> "Embeddings":
        """Return the spots' own vectors, as `spatialrag.embed` makes them with ``context=0``."""
        own = np.ascontiguousarray(self.vectors[:, : self.encoder.own_dim])
        return replace(self, vectors=own, encoder=self.encoder.without_context())
