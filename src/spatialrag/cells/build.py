"""Build a single-cell bank: from AnnData, from tables of type means, and of several."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.cells.cell_bank import COUNTS, MEANS, CellBank, hash_dataset
from spatialrag.cells.types import TypeMap, identity
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.expression.genes import spread_columns
from spatialrag.expression.table import read_frame

TYPE_COLUMN = "cell_type"


def cells_from_anndata(
    adata: ad.AnnData,
    *,
    dataset: str,
    type_column: str = TYPE_COLUMN,
    donor_column: str | None = None,
    layer: str | None = None,
    type_map: TypeMap | None = None,
    per_type: int | None = None,
    source: str = "",
    citation: str = "",
    rng: int | np.random.Generator = 0,
) -> CellBank:
    """Return the bank of one data set of cells.

    Parameters
    ----------
    adata
        Counts in ``layer``, or in ``X`` when absent; genes named by symbol.
    dataset
        Name of the data set.
    type_column, donor_column
        Columns of ``obs``; cells without a donor column carry the data set's name.
    layer
        See ``adata``.
    type_map
        Labels to types; kept as they are when absent.
    per_type
        At most so many cells of a type, drawn at random; all when absent.
    source, citation
        Kept with the data set.
    rng
        For ``per_type``.

    Raises
    ------
    InputError
        No such column or layer, values that are not counts, repeated names, labels outside the
        map, or no cell left.
    """
    for column in [type_column, *([donor_column] if donor_column else [])]:
        if column not in adata.obs:
            raise InputError(
                f"{dataset} has no obs column {column!r}", got=listing(adata.obs.columns, 20)
            )
    if layer is not None and layer not in adata.layers:
        raise InputError(f"{dataset} has no layer {layer!r}", got=listing(adata.layers, 20))
    matrix = sparse.csr_matrix(adata.X if layer is None else adata.layers[layer], dtype=np.float32)
    _check_counts(matrix, dataset, layer, adata)
    labels = adata.obs[type_column].to_numpy(object).astype(str)
    types = (type_map or identity(np.unique(labels))).apply(labels, source=dataset)
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    keep = np.flatnonzero((types != "") & (totals > 0))
    if per_type is not None:
        keep = _thin(keep, types, per_type, np.random.default_rng(rng))
    donors = adata.obs[donor_column] if donor_column else np.full(adata.n_obs, dataset)
    cells = pd.DataFrame(
        {
            "dataset": dataset,
            "donor": np.asarray(donors, object).astype(str)[keep],
            "cell": adata.obs_names.to_numpy(str)[keep],
            "cell_type": types[keep],
            "source_type": labels[keep],
            "total_counts": totals[keep],
        }
    )
    entry = {"values": COUNTS, "source": source, "citation": citation}
    return _single(matrix[keep], adata.var_names.to_numpy(str), cells, dataset, entry)


def cells_from_profiles(
    path: str | Path,
    *,
    dataset: str,
    type_map: TypeMap | None = None,
    only: Sequence[str] | None = None,
    source: str = "",
    citation: str = "",
) -> CellBank:
    """Return the bank of a table of type means: each stands in as one pseudo-cell, marked so.

    Parameters
    ----------
    path
        CSV, TSV or Parquet: genes in rows, types in columns, linear values.
    dataset, type_map, source, citation
        As in `cells_from_anndata`.
    only
        Types to take (after mapping); all when absent.

    Raises
    ------
    InputError
        Negative or missing values, labels outside the map, or a type of ``only`` that the table
        lacks.
    """
    table = read_frame(path)
    values = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise InputError(
            f"{Path(path).name} is not a table of type means",
            expected="genes in rows, types in columns, values of 0 and above on a linear scale",
            got="text, missing or negative values",
        )
    labels = table.columns.to_numpy(str)
    types = (type_map or identity(labels)).apply(labels, source=dataset)
    wanted = set(types) - {""} if only is None else set(only)
    if wanted - set(types):
        raise InputError(
            f"{Path(path).name} has no type {listing(sorted(wanted - set(types)))}",
            expected=f"some of {listing(sorted(set(types) - {''}), 40)}",
        )
    keep = np.flatnonzero(np.isin(types, sorted(wanted)))
    matrix = sparse.csr_matrix(values.T[keep].astype(np.float32))
    cells = pd.DataFrame(
        {
            "dataset": dataset,
            "donor": dataset,
            "cell": labels[keep],
            "cell_type": types[keep],
            "source_type": labels[keep],
            "total_counts": np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel(),
        }
    )
    entry = {"values": MEANS, "source": source, "citation": citation}
    return _single(matrix, table.index.to_numpy(str), cells, dataset, entry)


def join_cells(banks: Sequence[CellBank]) -> CellBank:
    """Return one bank of several: the union of their genes, cells in order.

    Raises
    ------
    InputError
        Data sets given twice, or without genes in common (another species or kind of names).
    """
    banks = list(banks)
    names = np.concatenate([bank.datasets.index.to_numpy(str) for bank in banks])
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"data sets given twice: {listing(values[counts > 1])}")
    for bank in banks[1:]:
        _check_overlap(banks[0], bank)
    genes = np.unique(np.concatenate([bank.genes for bank in banks]))
    measured = np.zeros((len(genes), len(names)), bool)
    blocks, start = [], 0
    for bank in banks:
        columns = np.searchsorted(genes, bank.genes)
        measured[columns, start : start + len(bank.datasets)] = bank.measured
        start += len(bank.datasets)
        blocks.append(spread_columns(bank.expression, columns, len(genes)))
    return CellBank(
        expression=sparse.vstack(blocks, format="csr"),
        genes=genes,
        cells=pd.concat([bank.cells for bank in banks]),
        measured=measured,
        datasets=pd.concat([bank.datasets for bank in banks]),
    )


def _single(
    matrix: sparse.csr_matrix,
    genes: np.ndarray,
    cells: pd.DataFrame,
    dataset: str,
    entry: dict[str, str],
) -> CellBank:
    faults = [
        f"repeated {kind}: {listing(names[names.duplicated()])}"
        for kind, names in (("genes", pd.Series(genes)), ("cells", cells["cell"]))
        if names.duplicated().any()
    ]
    if not len(cells):
        faults.append("no cell with counts and a type is left")
    raise_all(faults, subject=f"data set {dataset!r}")
    order = np.argsort(genes)
    matrix = matrix[:, order]
    matrix.sort_indices()
    bank = CellBank(
        expression=matrix,
        genes=genes[order],
        cells=cells.set_index(f"{dataset}:" + cells["cell"]).rename_axis(None),
        measured=np.ones((len(genes), 1), bool),
        datasets=pd.DataFrame([entry | {"hash": ""}], index=[dataset]),
    )
    return replace(bank, datasets=bank.datasets.assign(hash=hash_dataset(bank, dataset)))


def _thin(
    keep: np.ndarray, types: np.ndarray, per_type: int, rng: np.random.Generator
) -> np.ndarray:
    chosen = []
    for kind in np.unique(types[keep]):
        rows = keep[types[keep] == kind]
        chosen.append(rows if len(rows) <= per_type else rng.choice(rows, per_type, replace=False))
    return np.sort(np.concatenate(chosen)) if chosen else keep


def _check_counts(
    matrix: sparse.csr_matrix, dataset: str, layer: str | None, adata: ad.AnnData
) -> None:
    values = matrix.data
    if len(values) and np.isfinite(values).all() and not (values < 0).any():
        if not (values % 1 != 0).any():
            return
        hint = " (logarithms?)" if values.max() < 20 else ""
        got = f"fractions up to {values.max():.4g}{hint}"
    else:
        got = "no values, or negative or missing ones"
    raise InputError(
        f"{'X' if layer is None else f'layer {layer!r}'} of {dataset} holds no counts",
        expected="whole numbers of molecules",
        got=got,
        fix=f"name the layer that holds counts; there is {listing(adata.layers, 10) or 'no layer'}",
    )


def _check_overlap(first: CellBank, other: CellBank) -> None:
    shared = np.isin(other.genes, first.genes).mean()
    if shared < 0.1:
        raise InputError(
            f"{listing(other.datasets.index)} shares {shared:.0%} of its genes with the bank",
            expected=f"gene names such as {listing(first.genes, 3)}",
            got=listing(other.genes, 3),
            fix="use one species and one kind of names (symbols, or Ensembl ids)",
        )
