"""A single-cell bank on disk, with the guarantees of the spatial bank."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.bank.content import check_hashes
from spatialrag.bank.zarr_store import (
    ZARR_FORMAT,
    StoreKind,
    damaged,
    exclusive,
    parse,
    read_store,
    replace_store,
    require_store,
    write_store,
)
from spatialrag.cells.cell_bank import COLUMNS, CellBank, former_hash_dataset, hash_dataset
from spatialrag.provenance import origin

SCHEMA = 2  # 1: data sets' hashes pass over names and depths of cells
CELLS = StoreKind("single-cell bank", SCHEMA, "spatialrag cells build")


def write_cells(bank: CellBank, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a single-cell bank; an existing one is replaced whole or left untouched.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, it is not a single-cell bank, another process
        writes it, or it cannot be written.

    Examples
    --------
    >>> sr.write_cells(cells, "kept.zarr").name
    'kept.zarr'
    """
    return write_store(to_anndata(bank), path, CELLS, overwrite=overwrite)


def update_cells(path: str | Path, change: Callable[[CellBank], CellBank]) -> CellBank:
    """Replace a single-cell bank by what ``change`` makes of it: see `update_bank`.

    Raises
    ------
    InputError
        No such bank there, another process writes it for long, or what ``change`` raises.
    """
    require_store(path, CELLS)  # without one, nothing is made for its lock
    with exclusive(path) as place:
        changed = change(read_cells(place))
        replace_store(to_anndata(changed), place)
    return changed


def read_cells(path: str | Path) -> CellBank:
    """Read a single-cell bank after a cheap check (schema, shapes, depths, fingerprint).

    Raises
    ------
    BankError
        No such bank there, a newer schema, or content that does not add up.

    Examples
    --------
    >>> sr.read_cells(sr.write_cells(cells, "cells.zarr", overwrite=True)).n_cells
    60
    """
    path = Path(path)
    adata = read_store(path, CELLS)
    bank = parse(adata, path, from_anndata)
    parse(adata, path, lambda stored: _check(bank, stored, path))
    return bank


def _check(bank: CellBank, adata: ad.AnnData, path: Path) -> None:
    sums = np.asarray(bank.expression.sum(axis=1, dtype=np.float64)).ravel()
    differs = ~np.isclose(sums, bank.cells["total_counts"], rtol=1e-5, atol=1e-6)
    if differs.any():
        first = bank.cells.index[differs][0]
        raise damaged(path, f"depths of {differs.sum()} cells do not match (first {first})")
    if bank.fingerprint != adata.uns[keys.RECORD]["fingerprint"]:
        raise damaged(path, "the fingerprint does not match the data sets")


def verify_cells(path: str | Path) -> CellBank:
    """Read a single-cell bank and hash all of its content against what was recorded.

    Raises
    ------
    InputError
        As `read_cells`, or data sets that are not what was written, all listed.

    Examples
    --------
    >>> verify_cells(sr.write_cells(cells, "checked_cells.zarr")).n_cells
    60
    """
    bank = read_cells(path)
    check_hashes(
        bank.datasets["hash"],
        lambda name: hash_dataset(bank, name),
        lambda name: former_hash_dataset(bank, name),
        part="data set",
        path=path,
    )
    return bank


def to_anndata(bank: CellBank) -> ad.AnnData:
    """Return a single-cell bank as AnnData: the form it has on disk."""
    cells = bank.cells.copy()
    for column in ("dataset", "donor", "cell_type", "source_type"):
        cells[column] = pd.Categorical(cells[column])
    adata = ad.AnnData(bank.expression, obs=cells, var=pd.DataFrame(index=bank.genes))
    adata.varm[keys.MEASURED] = bank.measured
    adata.uns[keys.RECORD] = {
        "schema": SCHEMA,
        "kind": CELLS.name,
        "fingerprint": bank.fingerprint,
        "datasets": bank.datasets.rename_axis("dataset"),
        "origin": origin(),
    }
    return adata


def from_anndata(adata: ad.AnnData) -> CellBank:
    """Return the single-cell bank that `to_anndata` turned into AnnData."""
    cells = adata.obs[list(COLUMNS)].astype(dict.fromkeys(COLUMNS[:-1], str))
    return CellBank(
        expression=sparse.csr_matrix(adata.X),
        genes=adata.var_names.to_numpy(str),
        cells=cells,
        measured=np.asarray(adata.varm[keys.MEASURED]),
        datasets=adata.uns[keys.RECORD]["datasets"],
    )


def describe_cells(bank: CellBank) -> dict[str, Any]:
    """Return what `spatialrag cells info` prints, as plain values."""
    counts = bank.counts_by_type
    donors = bank.cells["dataset"] + ":" + bank.cells["donor"]
    return {
        "fingerprint": bank.fingerprint,
        "schema": SCHEMA,
        "format": f"AnnData, Zarr v{ZARR_FORMAT}",
        "cells": int((~bank.pseudo).sum()),
        "pseudo_cells": int(bank.pseudo.sum()),
        "genes": len(bank.genes),
        "genes_measured_by_every_dataset": int(bank.matrix.everywhere.sum()),
        "datasets": bank.datasets.drop(columns="hash")
        .assign(genes=bank.measured.sum(axis=0))
        .reset_index(names="dataset")
        .to_dict("records"),
        "types": counts.reset_index().to_dict("records"),
        "types_of_one_dataset": counts.index[(counts > 0).sum(axis=1) == 1].tolist(),
        "confounding_datasets": confounding(counts.to_numpy()),
        "confounding_donors": confounding(pd.crosstab(bank.cells["cell_type"], donors).to_numpy()),
    }


def confounding(table: np.ndarray) -> float:
    """Return Cramér's V of types against batches: 0 independent, 1 each type in its own.

    Parameters
    ----------
    table : (n_types, n_batches)
        Cells; NaN is returned when there is only one type or batch.
    """
    table = np.asarray(table, float)
    if min(table.shape) < 2:
        return float("nan")
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chi2 = (np.square(table - expected) / expected).sum()
    return float(np.sqrt(chi2 / total / (min(table.shape) - 1)))
