"""A bank of reference spots: expression, where it was measured, and what it looks like."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.content import hash_part
from spatialrag.bank.tuning import BankTuning
from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.measured_matrix import MeasuredMatrix
from spatialrag.expression.normalize import Scale, to_scale
from spatialrag.expression.section import Section
from spatialrag.provenance import fingerprint

_MPP_TOLERANCE = 1.25  # a query's pixel size may leave the bank's range by this factor


@dataclass(frozen=True, eq=False)
class Bank:
    """Reference spots of many slides over the union of their genes.

    Parameters
    ----------
    expression : CSR (n_references, n_genes)
        float32 on the scale ``scale``; 0 where a slide did not measure a gene (see ``measured``).
    genes : (n_genes,)
        Sorted; each is measured by at least one slide.
    references : pandas.DataFrame
        Index ``slide:barcode``; columns slide, donor, barcode, x, y (full-resolution pixels, spot
        centre; NaN when unknown), total_counts (depth over all measured genes).
    measured : (n_genes, n_slides) bool
        Which slide measured which gene; columns in the order of ``slides``.
    slides : pandas.DataFrame
        Index slide; columns donor, mpp (µm per pixel, NaN when unknown), mpp_source, pitch_um and
        off_tissue (measured spot pitch, share of spots off the tissue; NaN when unknown), notes,
        marks of the picture (`PictureMarks.columns`; ``""`` when unknown), hash.
    scale
        Expression scale of ``expression``.
    embeddings : (n_references, dim), optional
        float32 patch embeddings, and in ``encoder`` how they were made.
    thumbnails : (n_references, px, px, 3) uint8, optional
        Pictures of the patches.
    tuning
        What `spatialrag bank tune` found; `valid_tuning` is None once slides come or go.

    Examples
    --------
    >>> bank.n_references, bank.slides.index.tolist()
    (168, ['toy1', 'toy2', 'toy3'])
    >>> bank.without(slides=["toy1"]).n_references
    112
    """

    expression: sparse.csr_matrix
    genes: np.ndarray
    references: pd.DataFrame
    measured: np.ndarray
    slides: pd.DataFrame
    scale: Scale
    embeddings: np.ndarray | None = None
    encoder: EncoderRecord | None = None
    thumbnails: np.ndarray | None = None
    tuning: BankTuning | None = None

    def __post_init__(self) -> None:
        n = self.expression.shape[0]
        faults = self.matrix.faults("references", len(self.references), len(self.slides))
        if (self.embeddings is None) != (self.encoder is None):
            faults.append("embeddings and encoder go together")
        for name in ("embeddings", "thumbnails"):
            array = getattr(self, name)
            if array is not None and len(array) != n:
                faults.append(f"{len(array)} {name} for {n} references")
        if n == 0:
            faults.append("there is no reference left")
        raise_all(faults, subject="bank", fix="loosen the exclusions" if n == 0 else "")

    @property
    def n_references(self) -> int:
        """Number of reference spots."""
        return len(self.references)

    @property
    def slide_of(self) -> np.ndarray:
        """Position in ``slides`` of each reference's slide, (n_references,)."""
        return self.slides.index.get_indexer(self.references["slide"])

    @property
    def empty(self) -> np.ndarray:
        """References without a single count, (n_references,) bool: never cited, never scored."""
        return self.references["total_counts"].to_numpy() == 0

    @cached_property
    def fingerprint(self) -> str:
        """Content hash; independent of the order in which slides were added."""
        return fingerprint(sorted(self.slides["hash"]), self.scale, str(self.encoder))

    @property
    def valid_tuning(self) -> BankTuning | None:
        """What tuning found of this very bank; None of a bank that changed since."""
        valid = self.tuning is not None and self.tuning.bank == self.fingerprint
        return self.tuning if valid else None

    @property
    def matrix(self) -> MeasuredMatrix:
        """Expression, and which slide measured which gene, as one: nothing is copied."""
        return MeasuredMatrix(self.expression, self.genes, self.measured, self.slide_of)

    @property
    def measured_everywhere(self) -> np.ndarray:
        """Genes that every slide measured, (n_genes,) bool."""
        return self.matrix.everywhere

    def columns_of(self, genes: Iterable[str]) -> np.ndarray:
        """Return the columns of named genes, (len(genes),).

        Raises
        ------
        InputError
            The bank lacks some of them.
        """
        wanted = np.asarray(list(genes), dtype=object).astype(str)
        columns = pd.Index(self.genes).get_indexer(wanted)
        if (columns < 0).any():
            raise InputError(
                f"{(columns < 0).sum()} of {len(wanted)} genes are not in the bank",
                got=f"missing: {listing(wanted[columns < 0], 10)}",
                fix="check gene names, or leave these genes out",
            )
        return columns

    def on_scale(self, scale: Scale) -> sparse.csr_matrix:
        """Return the expression on a scale; depth counts all genes a spot's slide measured."""
        totals = self.references["total_counts"].to_numpy()
        return to_scale(self.expression, stored=self.scale, wanted=scale, totals=totals)

    def without(self, *, slides: Iterable[str] = (), donors: Iterable[str] = ()) -> "Bank":
        """Return the bank less some slides and donors; everything else stays bit-identical.

        Raises
        ------
        InputError
            A name is not in the bank, or nothing would be left.
        """
        slides, donors = set(slides), set(donors)
        raise_all(
            [f"slide {name!r} is not in the bank" for name in slides - set(self.slides.index)]
            + [f"donor {name!r} is not in the bank" for name in donors - set(self.slides["donor"])],
            subject="exclusions",
            fix=f"the bank holds slides {listing(self.slides.index, 40)}",
        )
        gone = self.slides.index.isin(slides) | self.slides["donor"].isin(donors).to_numpy()
        return self._keep_slides(~gone)

    def select(self, slides: Iterable[str]) -> "Bank":
        """Return the bank with these slides alone."""
        return self.without(slides=set(self.slides.index) - set(slides))

    def _keep_slides(self, keep: np.ndarray) -> "Bank":
        if not keep[self.slide_of].any():
            raise InputError(
                "no reference is left in the bank",
                got=f"every slide excluded: {listing(self.slides.index, 40)}",
                fix="exclude fewer slides or donors, or add references from others",
            )
        kept, rows = self.matrix.keep(keep)
        return replace(
            self,
            expression=kept.values,
            genes=kept.genes,
            references=self.references[rows],
            measured=kept.measured,
            slides=self.slides[keep],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
            thumbnails=None if self.thumbnails is None else self.thumbnails[rows],
        )

    def embeddings_of(self, slide: str) -> Embeddings:
        """Return one slide's embeddings, to ask about its spots as queries."""
        encoder = self.require_encoder()
        rows = (self.references["slide"] == slide).to_numpy()
        if not rows.any():
            raise InputError(f"slide {slide!r} is not in the bank")
        mpp = float(self.slides.loc[slide, "mpp"])
        return Embeddings(
            vectors=self.vectors[rows],
            slide=slide,
            spots=self.references["barcode"].to_numpy(str)[rows],
            xy=self.references[["x", "y"]].to_numpy(float)[rows],
            mpp=None if np.isnan(mpp) else mpp,
            encoder=encoder,
        )

    def without_context(self) -> "Bank":
        """Return the bank as `spatialrag.build_bank` makes it with ``context=0``, bit by bit.

        Spots keep their own vectors; the means over their neighbors, joined behind these, go. A
        bank without embeddings, or embedded without context, is returned as it is.
        """
        if self.encoder is None or not self.encoder.context:
            return self
        own = np.ascontiguousarray(self.vectors[:, : self.encoder.own_dim])
        bank = replace(self, embeddings=own, encoder=self.encoder.without_context())
        hashes = [hash_slide(bank, slide) for slide in self.slides.index]
        return replace(bank, slides=self.slides.assign(hash=hashes))

    def require_embeddings(self) -> None:
        """Raise `InputError` when the bank has no embeddings."""
        if self.embeddings is None:
            raise InputError(
                "the bank has no embeddings",
                expected="a bank built with an encoder",
                got="a bank of expression alone",
                fix="rebuild it with an encoder, or use image_weight=0 and a backbone that reads "
                "no images (from_file)",
            )

    @property
    def vectors(self) -> np.ndarray:
        """The embeddings, (n_references, dim); `InputError` when there are none."""
        self.require_embeddings()
        return np.asarray(self.embeddings)

    def require_encoder(self) -> EncoderRecord:
        """Return how the embeddings were made, or raise `InputError` when there are none."""
        self.require_embeddings()
        if self.encoder is None:
            raise InputError("the bank has embeddings, but not how they were made")
        return self.encoder

    def check_queries(self, queries: Embeddings) -> None:
        """Raise `InputError` when query embeddings cannot be compared with the bank's."""
        self.require_embeddings()
        if queries.encoder != self.encoder:
            raise InputError(
                f"the queries of {queries.slide!r} were embedded differently from the bank",
                expected=str(self.encoder),
                got=str(queries.encoder),
                fix="embed them with the bank's encoder, patch_um and context",
            )
        known = self.slides["mpp"].dropna()
        if queries.mpp is None or known.empty:
            return
        low, high = known.min() / _MPP_TOLERANCE, known.max() * _MPP_TOLERANCE
        if not low <= queries.mpp <= high:
            raise InputError(
                f"the pixel size of {queries.slide!r} is outside the bank's",
                expected=f"{low:.3g} to {high:.3g} µm per pixel (the bank's, ± 25 %)",
                got=f"{queries.mpp:.3g} µm per pixel",
                fix="check mpp; if it is right, add references scanned at this resolution",
            )


def section_of(bank: Bank, slide: str) -> Section:
    """Return one slide of a bank as a section."""
    alone = bank.select([slide])
    return Section(
        slide=slide,
        donor=str(alone.slides["donor"].iloc[0]),
        expression=alone.expression,
        genes=alone.genes,
        spots=alone.references["barcode"].to_numpy(str),
        xy=None,
        scale=alone.scale,
    )


def hash_slide(bank: Bank, slide: str) -> str:
    """Return the content hash of one slide of a bank: see `hash_part`."""
    part, rows = bank.matrix.of_source(bank.slides.index.get_loc(slide))
    return hash_part(
        slide,
        bank.slides.loc[slide],
        bank.references[rows],
        genes=part.genes,
        expression=part.values,
        arrays={
            "embeddings": None if bank.embeddings is None else bank.embeddings[rows],
            "thumbnails": None if bank.thumbnails is None else bank.thumbnails[rows],
        },
    )


def former_hash_slide(bank: Bank, slide: str) -> str:
    """Return the hash by the rule of schema 1, which passes over some names and attributes."""
    part, rows = bank.matrix.of_source(bank.slides.index.get_loc(slide))
    references = bank.references[rows]
    encoder = [] if bank.embeddings is None else [bank.embeddings[rows]]
    thumbnails = [] if bank.thumbnails is None else [bank.thumbnails[rows]]
    entry = bank.slides.loc[slide]
    return fingerprint(
        slide,
        entry["donor"],
        f"{float(entry['mpp']):.12g}",
        part.genes.tolist(),
        references["barcode"].tolist(),
        references[["x", "y"]].to_numpy(float),
        references["total_counts"].to_numpy(float),
        part.values,
        *encoder,
        *thumbnails,
    )
