"""Names of the AnnData slots this package writes, and which matrix a record speaks of."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import anndata as ad

SPATIAL = "spatial"  # obsm: (n_spots, 2) spot centres, full-resolution pixels; uns: images
RECORD = "spatialrag"  # uns: settings, scale, fingerprints, versions; read it by `record_of`
MEASURED = "measured"  # varm: (n_genes, n_slides) bool, columns ordered as uns record "slides"
THUMBNAIL = "thumbnail"  # obsm: (n_spots, px, px, 3) uint8
WEIGHTS = "spatialrag_weights"  # obsm: CSR (n_queries, n_cited)
EMBEDDING = "X_{encoder}"  # obsm: (n_spots, dim)


def embedding_key(encoder: str) -> str:
    """Return the obsm key of an encoder's vectors, e.g. ``X_color``."""
    safe = "".join(c if c.isalnum() or c in "._+-" else "-" for c in encoder)
    return EMBEDDING.format(encoder=safe)


def prediction_key(name: str) -> str:
    """Return the uns key of a whole prediction, kept as AnnData, e.g. ``spatialrag_predicted``."""
    return f"{RECORD}_{name}"


_LAYER, _LAYERS = "layer", "layers"  # in a record: the layer it is of; records of layers by name


def record_of(adata: "ad.AnnData", layer: str | None = None) -> dict[str, Any]:
    """Return what this package wrote of ``X``, or of a layer; empty where it wrote nothing.

    The record in ``uns`` is of ``X`` unless it names a layer. Version 0.1 named it beside the
    facts (`tl.predict`), or not at all where domains kept counts in a layer.
    """
    if layer is not None:
        return _of_layers(adata).get(layer, {})
    record = _whole(adata)
    return {} if _owner(record) else {k: v for k, v in record.items() if k != _LAYERS}


def write_record(
    adata: "ad.AnnData", record: Mapping[str, Any], *, layer: str | None = None
) -> None:
    """Put the record of ``X``, or of a layer, into ``uns``; records of other layers stay.

    Parameters
    ----------
    adata
        Changed in place.
    record
        Record of the matrix: its ``scale`` above all.
    layer
        Its name; ``X`` when absent.
    """
    layers = {name: facts for name, facts in _of_layers(adata).items() if name in adata.layers}
    whole = record_of(adata) if layer is not None else dict(record)
    if layer is not None:
        layers[layer] = dict(record)
    adata.uns[RECORD] = whole | ({_LAYERS: layers} if layers else {})


def _whole(adata: "ad.AnnData") -> Mapping[str, Any]:
    found = adata.uns.get(RECORD, {})
    return found if isinstance(found, Mapping) else {}


def _owner(record: Mapping[str, Any]) -> str | None:
    """Return the layer that a record of version 0.1 is of, or None where it is of ``X``."""
    prepared = "min_spots" in record and record.get("scale") == "counts"
    return record.get(_LAYER, "counts" if prepared else None)


def _of_layers(adata: "ad.AnnData") -> dict[str, dict[str, Any]]:
    record = _whole(adata)
    found, owner = {k: dict(v) for k, v in record.get(_LAYERS, {}).items()}, _owner(record)
    if owner:
        found[owner] = {k: v for k, v in record.items() if k not in (_LAYER, _LAYERS)}
    return found
