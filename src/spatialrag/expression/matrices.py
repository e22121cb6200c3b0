"""Which matrix of an AnnData is read: X, a layer or .raw; never a prediction of this package."""

import anndata as ad
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError, listing
from spatialrag.expression.normalize import Scale
from spatialrag.expression.options import RAW
from spatialrag.expression.values import matrices_with_counts

_X = "X"


def choose_matrix(
    adata: ad.AnnData, layer: str | None, subject: str
) -> tuple[object, pd.DataFrame]:
    """Return the matrix a user named, or X, as it is stored, and what describes its columns.

    Parameters
    ----------
    adata
    layer
        A layer, or ``raw``; ``X`` when absent.
    subject
        Whose values these are, for messages.

    Raises
    ------
    InputError
        No such layer, or nothing in it; where counts seem to be is said.
    """
    if layer == RAW and RAW not in adata.layers and adata.raw is not None:
        return adata.raw.X, adata.raw.var
    if layer is not None:
        if layer not in adata.layers:
            also = ["raw"] if adata.raw is not None else []
            raise InputError(
                f"{subject} has no layer {layer!r}",
                expected=f"one of {listing([*adata.layers, *also], 10) or 'none: X alone'}",
            )
        return adata.layers[layer], adata.var
    values = adata.X
    if values is None or (sparse.issparse(values) and values.nnz == 0 and adata.n_vars == 0):
        there = counts_elsewhere(adata, None)
        raise InputError(
            f"X of {subject} is empty",
            expected="expression in X, or the name of the layer that holds it",
            got=f"counts seem to be in {there}" if there else "no layer with counts",
            fix=f"layer={there.split(', ')[0]!r} (column layer of slides.csv)" if there else "",
        )
    return values, adata.var


def refuse_prediction(adata: ad.AnnData, layer: str | None, subject: str) -> None:
    """Raise `InputError` when what would be read was predicted by this package, not measured.

    Parameters
    ----------
    adata
    layer
        What would be read; X when absent.
    subject
        Whose values these are, for messages.
    """
    record = keys.record_of(adata)
    if "fingerprint" in record:
        raise InputError(
            f"{subject} is a {record.get('kind', 'bank')} of this package, not a section",
            expected="measured expression of one slide",
            fix="give the file its slides were read from",
        )
    if layer in (None, RAW):
        predicted = "origin" in record or keys.WEIGHTS in adata.obsm
    else:
        record = keys.record_of(adata, layer)
        predicted = "origin" in record or "slide" in record
    if predicted:
        raise InputError(
            f"{subject} holds a prediction of this package, not measured expression",
            expected="counts that were measured",
            got=f"{layer or 'X'} with a record of its prediction "
            f"({record.get('scale', 'scale unknown')})",
            fix="give the measured file; predictions are read by `explain`, `evaluate` and "
            "`predict --initial`",
        )


def counts_elsewhere(adata: ad.AnnData, layer: str | None) -> str:
    """Return the names of other matrices of an AnnData that hold whole numbers; empty if none.

    Parameters
    ----------
    adata
    layer
        What was read.
    """
    found = {name: adata.layers[name] for name in adata.layers if name != layer}
    if adata.raw is not None and layer != RAW:
        found[RAW] = adata.raw.X
    if layer is not None:
        found[_X] = adata.X
    return matrices_with_counts(found)


def advise(adata: ad.AnnData, layer: str | None, scale: Scale) -> str:
    """Return what to do about values that are no counts: where counts seem to be; or nothing.

    Parameters
    ----------
    adata
    layer
        What was read.
    scale
        What it was said to be on.
    """
    there = counts_elsewhere(adata, layer)
    if not there or scale != "counts":
        return ""
    first = there.split(", ")[0]
    named = f"layer={first!r}" if first != _X else "no layer"
    return (
        f"give {named} (--layer, or column layer of slides.csv): whole numbers are in {there}; or "
        "state the scale of these values, scale='log1p' or 'log1p_cp10k'"
    )
