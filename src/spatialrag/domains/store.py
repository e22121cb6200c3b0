"""Domains into the slots of AnnData where scanpy and squidpy look for them."""

import json

import anndata as ad
import pandas as pd
from matplotlib import color_sequences, colormaps, colors

from spatialrag.domains.domains import Domains
from spatialrag.errors import InputError


def to_anndata(domains: Domains, adata: ad.AnnData, *, key: str) -> None:
    """Write domains into an AnnData with the same spots in the same order.

    ``obs['domain_<key>']`` with colors in ``uns``, ``obs['domain_confidence']`` and
    ``obs['domain_entropy']`` where the method has them, ``obsm['X_<key>']``, graphs as
    ``obsp['spatial_connectivities']``, ``obsp['<key>_features_connectivities']`` and their
    distances, settings and origin as JSON in ``uns['<key>']``.

    Parameters
    ----------
    domains
        To be written.
    adata
        Changed in place.
    key
        Name of the method.

    Raises
    ------
    InputError
        Another number of spots.
    """
    if adata.n_obs != len(domains.labels):
        raise InputError(
            "domains and AnnData do not match",
            expected=f"{len(domains.labels)} spots",
            got=str(adata.n_obs),
        )
    column = f"domain_{key}"
    names = list(domains.sizes)
    adata.obs[column] = pd.Categorical(domains.labels, categories=names)
    adata.uns[f"{column}_colors"] = palette(len(names))
    for name in ("confidence", "entropy"):
        if name in domains.arrays:
            adata.obs[f"domain_{name}"] = domains.arrays[name]
    adata.obsm[f"X_{key}"] = domains.embedding
    for name, graph in domains.graphs.items():
        # squidpy looks for "spatial_…" whatever made the graph.
        place = name if name == "spatial" else f"{key}_{name}"
        slots = {
            "connectivities_key": f"{place}_connectivities",
            "distances_key": f"{place}_distances",
        }
        adata.obsp[slots["connectivities_key"]] = graph.connectivities
        adata.obsp[slots["distances_key"]] = graph.distances
        adata.uns[f"{place}_neighbors"] = slots | {
            "params": json.dumps(graph.settings, default=str)
        }
    adata.uns[key] = {"record": json.dumps(domains.record, default=str)}


def palette(n: int) -> list[str]:
    """Return n colors: strong ones first, evenly spread hues beyond 20."""
    if n <= 10:
        return [colors.to_hex(c) for c in color_sequences["tab10"][:n]]
    if n <= 20:
        return [colors.to_hex(c) for c in color_sequences["tab20"][:n]]
    return [colors.to_hex(colormaps["gist_ncar"](0.02 + 0.95 * i / n)) for i in range(n)]
