"""The evidence for one value: contributions, modalities, leave-one-reference-out."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from spatialrag.errors import InputError
from spatialrag.explanation.groups import REST, UNCITED, group_table
from spatialrag.expression.find_name import Aliases
from spatialrag.expression.normalize import Scale
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.grouping import MOST, NO_GROUP
from spatialrag.prediction.prediction import Prediction

TOP_GENES = 5
_SEEN = 0.25
_ALL = 0.995  # of the weight: what rounds to all of it
_TOLD = ("slide", "donor", "x", "y", "kind", "cell_type")
_WORDS = ("no", "one", "two", "three", "four", "five")


@dataclass(frozen=True)
class Standing:
    """Where a value stands.

    Parameters
    ----------
    rank, n_spots
        How many spots of the slide have this value or a higher one, among those that have any; 0
        for a missing value.
    predicted_range
        Lowest and highest predicted value of the gene on the slide; NaN without any.
    measured_range
        The same of what the cited references measured.
    """

    rank: int = 0
    n_spots: int = 0
    predicted_range: tuple[float, float] = (np.nan, np.nan)
    measured_range: tuple[float, float] = (np.nan, np.nan)


@dataclass(frozen=True, eq=False)
class Explanation:
    """The citations of one spot and gene.

    Parameters
    ----------
    slide, spot, gene
        What is explained.
    value
        The predicted value on ``scale``; NaN when missing.
    scale
        Expression scale.
    citations : pandas.DataFrame
        One row per cited reference, strongest first: reference, slide, donor, x, y (pixels), for
        RAG-ST kind (cell, type mean, spot) and cell_type, weight, share (of absolute weight),
        measured (its expression of the gene; NaN where its slide did not measure it), smoothed (the
        same over principal components, where the prediction sums a share of it), contribution
        (weight x what Eq. 2 sums of both), change (of the value when the reference is left out and
        the weights are solved again; NaN where not computed), top_genes, group (name of the group
        below; absent where there are none).
    groups : pandas.DataFrame
        One row per group of citations that look alike (of RAG-ST: of one cell type), heaviest
        first, then those that belong to none, see `spatialrag.explanation.groups.group_table`.
        Empty where the prediction has no groups: its bank had no embeddings or no places, or it
        was written before groups were kept.
    coverage
        Share of the weight on references that measured the gene.
    from_morphology, from_anchors
        Shares of the fit; NaN for methods without a certificate.
    uncited_share
        Part of the value that rests on no reference.
    query_thumbnail, thumbnails
        Pictures of the query and of the cited references in order; None when not kept.
    patch_um
        Side of what a picture shows, µm; NaN when unknown.
    standing
        Where the value stands among the slide's, and what the cited references measured.
    reliability
        Mean r of the gene on left-out slides of the bank; NaN where the bank was not tuned.
    doubts
        In what the slide is unlike the bank's, see `spatialrag.prediction.likeness`.

    Examples
    --------
    >>> found = sr.explain(prediction, spot=prediction.spots[0], gene=prediction.genes[0])
    >>> bool(np.isclose(found.citations["share"].sum(), 1))
    True
    """

    slide: str
    spot: str
    gene: str
    value: float
    scale: Scale
    citations: pd.DataFrame
    groups: pd.DataFrame
    coverage: float
    from_morphology: float
    from_anchors: float
    uncited_share: float
    query_thumbnail: np.ndarray | None = None
    thumbnails: np.ndarray | None = None
    patch_um: float = np.nan
    standing: Standing = Standing()
    reliability: float = np.nan
    doubts: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """One sentence: the value, and how much of the weight groups and their pictures carry."""
        value = "no value" if np.isnan(self.value) else f"{self.value:.3g}"
        said = f"{self.gene} in spot {self.spot} of {self.slide}: {value}"
        shown = self.groups.drop(index=[REST, UNCITED], errors="ignore")
        if shown.empty:
            return f"{said}; the strongest of {len(self.citations)} references carries " + (
                f"{self.citations['share'].iloc[0]:.0%}"
            )
        share = self.citations.set_index("reference")["share"]
        carried = f"{share[shown['typical']].sum():.0%}"
        if len(shown) == 1:
            return f"{said}; one group carries {shown['share'].sum():.0%}, its patch {carried}"
        count = _WORDS[len(shown)]
        return (
            f"{said}; {count} groups carry {shown['share'].sum():.0%}, their {count} patches "
            f"{carried}"
        )

    @property
    def coverage_words(self) -> str:
        """How much of the weight lies on references that measured the gene, in a sentence."""
        held = f"references that measured {self.gene} hold {self.coverage:.0%} of the weight"
        if np.isnan(self.value):
            return f"no value is given: {held}"
        if self.coverage > _ALL:
            return f"all of them measured {self.gene}"
        return f"{held}, the others add nothing: the value may be too low"

    @property
    def cited_value(self) -> float:
        """Sum of the contributions."""
        return float(self.citations["contribution"].sum())

    def to_json(self) -> dict[str, object]:
        """Return the value and its citations as plain values; absent ones are None."""
        facts: dict[str, object] = {
            name: getattr(self, name) for name in ("slide", "spot", "gene", "value", "scale")
        }
        facts["cited_value"] = self.cited_value
        facts |= {"headline": self.headline, "coverage": self.coverage}
        facts |= asdict(self.standing) | {"reliability": self.reliability}
        facts["doubts"] = list(self.doubts)
        for name, table in (("groups", self.groups.reset_index()), ("citations", self.citations)):
            facts[name] = table.astype(object).where(table.notna(), None).to_dict("records")
        return facts


def explain(
    prediction: Prediction, *, spot: str, gene: str, aliases: Aliases | None = None
) -> Explanation:
    """Return the evidence for one predicted value.

    Parameters
    ----------
    prediction
        By a retrieval method, as returned or as read from a file.
    spot, gene
        Names; a gene also by another case, without its Ensembl version or by an alias.
    aliases
        Other names of genes, from `spatialrag.read_aliases`.

    Raises
    ------
    InputError
        Unknown names, or a prediction without citations.

    Examples
    --------
    >>> found = sr.explain(prediction, spot=prediction.spots[0], gene=prediction.genes[0])
    >>> bool(np.isclose(found.cited_value, found.value, atol=1e-5))
    True
    """
    citations = prediction.require_citations()
    row = prediction.position_of(spot=spot)
    column = prediction.position_of(gene=gene, aliases=aliases)
    spot, gene = str(prediction.spots[row]), str(prediction.genes[column])
    weights = citations.weights[row]
    order = np.argsort(-np.abs(weights.data), kind="stable")
    cited, strength = weights.indices[order], weights.data[order]
    if len(cited) == 0:
        raise InputError(f"spot {spot!r} has no citation: every weight is 0", fix="lower strength")
    genes = np.array([column])
    values = citations.values(genes)[cited, 0]
    counted = citations.expression[cited][:, column].toarray().ravel().astype(np.float64)
    measured = citations.measured[column][citations.slide_of[cited]]
    told = [name for name in _TOLD if name in citations.references]
    table = citations.references.iloc[cited][told].copy()
    table.insert(0, "reference", table.index)
    table["weight"] = strength
    table["share"] = np.abs(strength) / np.abs(strength).sum()
    table["measured"] = np.where(measured, counted, np.nan)
    if citations.smoothing is not None:
        table["smoothed"] = np.where(measured, citations.smoothed(genes)[cited, 0], np.nan)
    table["contribution"] = strength * values
    table["change"] = _changes(citations, spot, column, table["contribution"].sum(), table.index)
    table["top_genes"] = top_genes(prediction, cited)
    names = _group_names(prediction, row, order)
    if names is not None:
        table["group"] = names
    table = table.reset_index(drop=True)
    certificate, value = prediction.certificate, float(prediction.expression[row, column])
    return Explanation(
        slide=prediction.slide,
        spot=spot,
        gene=gene,
        value=value,
        scale=prediction.scale,
        citations=table,
        groups=group_table(table, value=value, uncited=prediction.uncited_share > 0),
        coverage=float(table["share"].to_numpy()[measured].sum()),
        from_morphology=_certified(certificate, "from_morphology", row),
        from_anchors=_certified(certificate, "from_anchors", row),
        uncited_share=prediction.uncited_share,
        standing=_standing(
            prediction.expression[:, column], value, table["measured"].to_numpy(float)
        ),
        reliability=(
            np.nan if prediction.reliability is None else float(prediction.reliability[column])
        ),
        doubts=tuple(str(doubt["words"]) for doubt in prediction.record.get("doubts", ())),
        query_thumbnail=None if prediction.thumbnails is None else prediction.thumbnails[row],
        thumbnails=None if citations.thumbnails is None else citations.thumbnails[cited],
        patch_um=float(prediction.record.get("query", {}).get("patch_um", np.nan)),
    )


def _group_names(prediction: Prediction, row: int, order: np.ndarray) -> np.ndarray | None:
    """Return the group of each citation of a spot in order, by name; None without any.

    Cells have no place on a slide and no vectors: those of RAG-ST are grouped by their type.
    """
    citations = prediction.require_citations()
    start, end = citations.weights.indptr[row : row + 2]
    if citations.groups is not None:
        labels = citations.groups[start:end][order]
        return np.where(labels == NO_GROUP, REST, labels.astype(str)).astype(object)
    if "cell_type" not in citations.references:
        return None
    types = citations.references["cell_type"].iloc[citations.weights.indices[start:end]]
    weight = pd.Series(np.abs(citations.weights.data[start:end])).groupby(types.to_numpy(str)).sum()
    largest = weight.sort_values(ascending=False, kind="stable").index[:MOST]
    names = types.iloc[order].astype(object)
    return names.where(names.isin(largest), REST).to_numpy(object)


def _certified(certificate: pd.DataFrame | None, column: str, row: int) -> float:
    if certificate is None or column not in certificate:
        return np.nan
    return float(certificate[column].iloc[row])


def _standing(values: np.ndarray, value: float, measured: np.ndarray) -> Standing:
    known, counted = values[np.isfinite(values)], measured[np.isfinite(measured)]
    rank = 0 if np.isnan(value) else int((known >= value).sum())
    return Standing(rank, len(known), _range(known), _range(counted))


def _range(values: np.ndarray) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if len(values) else (np.nan, np.nan)


def _changes(
    citations: Citations, spot: str, column: int, value: float, references: pd.Index
) -> np.ndarray:
    """Return value without each reference minus value; NaN where it was not solved again."""
    changes = pd.Series(np.nan, index=references)
    if citations.removals is None:
        return changes.to_numpy()
    table = citations.removals[citations.removals["spot"] == spot]
    expression = citations.values(np.array([column]))[:, 0]
    position = citations.references.index.get_indexer(table["reference"])
    terms = table["weight"].to_numpy() * expression[position]
    without = pd.Series(terms).groupby(table["removed"].to_numpy()).sum()
    changes.update(without - value)
    return changes.to_numpy()


def top_genes(prediction: Prediction, cited: np.ndarray, *, n: int = TOP_GENES) -> list[str]:
    """Return each reference's genes that exceed the mean of all cited references most.

    Genes seen in less than a quarter of the cited references are left out: one count of a rare
    gene would exceed any mean.
    """
    expression = prediction.require_citations().expression
    excess = expression[cited].toarray() - np.asarray(expression.mean(axis=0)).ravel()
    seen = expression.getnnz(axis=0) / expression.shape[0]
    if (seen >= _SEEN).sum() >= n:
        excess[:, seen < _SEEN] = -np.inf
    best = np.argsort(-excess, axis=1, kind="stable")[:, :n]
    return [", ".join(prediction.genes[row]) for row in best]
