"""What every predictor returns: expression per spot, its scale, and its evidence."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, raise_all
from spatialrag.expression.find_name import Aliases, find_name
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.citations import Citations
from spatialrag.slides.slide import Slide, opened, thumbnail
from spatialrag.slides.spots import Spots, spot_pitch


@dataclass(frozen=True, eq=False)
class TissuePicture:
    """A small picture of the whole slide, to draw spots on.

    Parameters
    ----------
    pixels : (height, width, 3) uint8
    scale
        Its pixels per full-resolution pixel.
    spot_px
        Diameter at which spots are drawn, full-resolution pixels.
    """

    pixels: np.ndarray
    scale: float
    spot_px: float


def picture_tissue(
    spots: Spots, *, longest: int = 1000, slide: Slide | None = None
) -> TissuePicture:
    """Return a picture of the slide whose longest side is ``longest`` pixels.

    Parameters
    ----------
    spots
        On an image.
    longest
        Longer side of the picture, pixels.
    slide
        Their image, if it is open already.
    """
    with opened(slide or spots.require_image()) as slide:
        pixels, scale = thumbnail(slide, longest=longest)
    pitch = spot_pitch(spots.xy) if len(spots.xy) > 1 else 1.0
    return TissuePicture(pixels, scale, 0.7 * pitch)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted expression of one slide.

    Parameters
    ----------
    slide
        Name.
    spots : (n_spots,)
    xy : (n_spots, 2)
        Centres, full-resolution pixels; NaN when unknown.
    genes : (n_genes,)
    expression : (n_spots, n_genes)
        float32 on the scale ``scale``; NaN where too little weight lies on references that
        measured the gene.
    scale
        ``counts``, ``log1p`` or ``log1p_cp10k``.
    record
        Origin: versions, settings, bank fingerprint.
    citations
        None for methods that cite nothing.
    certificate : pandas.DataFrame, optional
        Per spot. GeneRAG: gap, relative_gap, objective, rounds, status of the solve, and the share
        of the fit due to morphology and to anchors. RAG-ST: the predicted distribution over types.
    uncited_share
        Share of the prediction that does not come from cited references: 0 for GeneRAG, the
        residual's share of the variance over spots for RAG-ST.
    thumbnails : (n_spots, px, px, 3) uint8, optional
    tissue
        The slide, for maps on tissue.
    reliability : (n_genes,), optional
        Mean Pearson's r of each gene on left-out slides of the bank, where the bank was tuned.

    Examples
    --------
    >>> prediction.values_of(prediction.genes[:2]).shape
    (56, 2)
    """

    slide: str
    spots: np.ndarray
    xy: np.ndarray
    genes: np.ndarray
    expression: np.ndarray
    scale: Scale
    record: dict[str, Any] = field(default_factory=dict)
    citations: Citations | None = None
    certificate: pd.DataFrame | None = None
    uncited_share: float = 1.0
    thumbnails: np.ndarray | None = None
    tissue: TissuePicture | None = None
    reliability: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.spots), len(self.genes))
        faults = []
        if self.expression.shape != shape:
            faults.append(f"expression is {self.expression.shape}, expected {shape}")
        if np.isinf(self.expression).any():
            faults.append("expression contains inf")
        if self.citations is not None and self.citations.weights.shape[0] != len(self.spots):
            faults.append("weights and spots do not match")
        raise_all(faults, subject=f"prediction of {self.slide!r}")

    @property
    def missing(self) -> np.ndarray:
        """Which values are missing, (n_spots, n_genes) bool."""
        return np.isnan(self.expression)

    @property
    def mpp(self) -> float | None:
        """µm per pixel of the slide, where the record knows it."""
        mpp = self.record.get("query", {}).get("mpp")
        return None if mpp is None else float(mpp)

    def position_of(
        self, *, spot: str | None = None, gene: str | None = None, aliases: Aliases | None = None
    ) -> int:
        """Return the row of a spot or the column of a gene, by name.

        Warns where the name is written differently here: case, an Ensembl version, an alias; a
        spot may be given as ``slide:spot``.

        Parameters
        ----------
        spot, gene
            One of both.
        aliases
            Other names of genes, from `spatialrag.read_aliases`.

        Raises
        ------
        InputError
            No such name, with near matches; a spot of another slide.
        """
        subject = f"the prediction of {self.slide!r}"
        if gene is not None:
            at, reading = find_name(gene, self.genes, kind="gene", subject=subject, aliases=aliases)
        else:
            at, reading = find_name(
                self._own_spot(str(spot)), self.spots, kind="spot", subject=subject
            )
        if reading:
            warnings.warn(reading, stacklevel=2)
        return at

    def _own_spot(self, name: str) -> str:
        """Return the name of a spot less the slide's before it."""
        slide, colon, rest = name.partition(":")
        if not colon or name in self.spots:
            return name
        if slide.casefold() != self.slide.casefold():
            raise InputError(
                f"spot {name!r} is of another slide",
                expected=f"a spot of {self.slide!r}",
                got=f"slide {slide!r}",
                fix="give the prediction of that slide",
            )
        return rest

    def require_citations(self) -> Citations:
        """Return the citations, or raise `InputError` when the method has none."""
        if self.citations is None:
            raise InputError(
                f"the prediction of {self.slide!r} cites no references",
                expected="a prediction by a retrieval method such as GeneRAG",
                got=str(self.record.get("method", "an unknown method")),
            )
        return self.citations

    def values_of(self, genes: np.ndarray) -> np.ndarray:
        """Return expression of named genes, (n_spots, len(genes)); NaN columns where absent."""
        position = pd.Index(self.genes).get_indexer(genes)
        values = self.expression[:, np.maximum(position, 0)].copy()
        values[:, position < 0] = np.nan
        return values

    def without_missing(self) -> "Prediction":
        """Return the prediction less the genes that are missing in some spot.

        Raises
        ------
        InputError
            Every gene is missing somewhere.

        Examples
        --------
        >>> prediction.without_missing().missing.any()
        np.False_
        """
        kept = np.asarray(~self.missing.any(axis=0))
        if not kept.any():
            raise InputError(
                f"no gene of the prediction of {self.slide!r} has a value in every spot",
                fix="keep those with missing values (no --drop-missing)",
            )
        return replace(
            self,
            genes=self.genes[kept],
            expression=self.expression[:, kept],
            citations=None if self.citations is None else self.citations.over(kept),
            reliability=None if self.reliability is None else self.reliability[kept],
        )

    def with_pictures(
        self, thumbnails: np.ndarray | None, tissue: TissuePicture | None = None
    ) -> "Prediction":
        """Return the prediction with pictures of its own patches and slide."""
        return replace(self, thumbnails=thumbnails, tissue=tissue)
