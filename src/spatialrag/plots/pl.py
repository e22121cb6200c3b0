"""Pictures of predictions and domains, by gene and by spot."""

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialrag import keys
from spatialrag.errors import InputError
from spatialrag.explanation.explanation import explain
from spatialrag.plots.citations import plot_citations
from spatialrag.plots.domains import plot_domains
from spatialrag.plots.maps import plot_map
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.store import prediction_of

__all__ = ["citations", "domains", "gene", "references_per_spot"]


def gene(
    data: Prediction | ad.AnnData, name: str, *, key: str = "predicted", ax: Axes | None = None
) -> Axes:
    """Draw the predicted map of one gene.

    Parameters
    ----------
    data
        A prediction, or an AnnData that `spatialrag.tl.predict` wrote one into.
    name
        The gene.
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
    values = prediction.expression[:, prediction.position_of(gene=name)]
    return plot_map(values, prediction.xy, title=f"{name} ({prediction.scale})", ax=ax)


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
