"""Pictures of predictions and domains, by gene and by spot."""

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialrag import keys
from spatialrag.errors import InputError
from spatialrag.evaluation.scores import measured_beside
from spatialrag.explanation.explanation import explain
from spatialrag.expression.section import Section
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.plots.citations import plot_citations
from spatialrag.plots.domains import plot_domains
from spatialrag.plots.maps import plot_map, plot_pair
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import prediction_of

__all__ = ["citations", "compare", "domains", "gene", "references_per_spot"]


def gene(
    data: Prediction | ad.AnnData, name: str, *, key: str = "predicted", ax: Axes | None = None
) -> Axes:
    """Draw the predicted map of one gene, over the H&E where the prediction holds its picture.

    Parameters
    ----------
    data
        A prediction, or an AnnData that `spatialrag.tl.predict` wrote one into.
    name
        The gene, or an alias.
    key
        Under which the AnnData has its prediction.
    ax
        Where to draw; a new figure when absent.

    Examples
    --------
    >>> sr.pl.gene(prediction, prediction.genes[0]).get_title() != ""
    True
    """
    prediction = _prediction(data, key)
    column = prediction.position_of(gene=name)
    return plot_map(
        prediction.expression[:, column],
        prediction.xy,
        title=f"{prediction.genes[column]} ({prediction.scale})",
        tissue=prediction.tissue,
        mpp=prediction.mpp,
        ax=ax,
    )


def compare(
    data: Prediction | ad.AnnData,
    measured: Section,
    name: str,
    *,
    standardized: bool = False,
    key: str = "predicted",
    axes: tuple[Axes, Axes] | None = None,
) -> tuple[Axes, Axes]:
    """Draw one gene as measured beside as predicted, on one colour scale, over the H&E.

    Parameters
    ----------
    data, key
        As in `gene`.
    measured
        The same slide, from `spatialrag.read_section`; joined by spot name.
    name
        The gene, or an alias.
    standardized
        Each map less its mean in units of its standard deviation: compares where, not how much.
    axes
        Where to draw; a new figure when absent.

    Raises
    ------
    InputError
        The gene was not measured, or no spot is in both.

    Examples
    --------
    >>> left, right = sr.pl.compare(prediction, sections[3], prediction.genes[0])
    >>> "measured" in left.get_title()
    True
    """
    prediction = _prediction(data, key)
    found = str(prediction.genes[prediction.position_of(gene=name)])
    rows, predicted, truth = measured_beside(prediction, measured, found)
    return plot_pair(
        predicted,
        truth,
        prediction.xy[rows],
        gene=found,
        r=float(pearson_per_gene(predicted[:, None], truth[:, None])[0]),
        scale=prediction.scale,
        standardized=standardized,
        tissue=prediction.tissue,
        mpp=prediction.mpp,
        axes=axes,
    )


def citations(
    data: Prediction | ad.AnnData,
    *,
    spot: str,
    gene: str,
    n: int | None = None,
    key: str = "predicted",
) -> Figure:
    """Draw a query patch beside what its value rests on: groups of references that look alike.

    Parameters
    ----------
    data, key
        As in `gene`.
    spot, gene
        Names.
    n
        So many of the strongest single references are drawn too.

    Examples
    --------
    >>> figure = sr.pl.citations(prediction, spot=prediction.spots[0], gene=prediction.genes[0])
    >>> figure.savefig("evidence.png")
    """
    return plot_citations(explain(_prediction(data, key), spot=spot, gene=gene), n=n)


def references_per_spot(
    data: Prediction | ad.AnnData, *, key: str = "predicted", ax: Axes | None = None
) -> Axes:
    """Draw how many references each spot rests on, by their effective number.

    Examples
    --------
    >>> ax = sr.pl.references_per_spot(prediction)
    """
    prediction = _prediction(data, key)
    effective = prediction.require_citations().effective_number
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    return plot_map(effective, prediction.xy, title="effective references", cmap="magma", ax=ax)


def domains(adata: ad.AnnData, *, key: str = "consensus", ax: Axes | None = None) -> Axes:
    """Draw the spatial domains that `spatialrag.tl` wrote to ``obs['domain_<key>']``.

    Raises
    ------
    InputError
        There are none under this key.

    Examples
    --------
    >>> adata.obs["domain_consensus"] = pd.Categorical(regions)
    >>> ax = sr.pl.domains(adata)
    """
    column = f"domain_{key}"
    if column not in adata.obs or keys.SPATIAL not in adata.obsm:
        raise InputError(
            f"no domains are called {key!r}",
            expected=f"obs[{column!r}] and places in obsm['spatial']",
            got=", ".join(str(name) for name in adata.obs if str(name).startswith("domain_")),
            fix="run sr.tl.domains or sr.tl.semst first, or pass key=…",
        )
    labels = np.asarray(adata.obs[column])
    return plot_domains(labels, np.asarray(adata.obsm[keys.SPATIAL]), title=key, ax=ax)


def _prediction(data: Prediction | ad.AnnData, key: str) -> Prediction:
    return data if isinstance(data, Prediction) else prediction_of(data, key=key)
