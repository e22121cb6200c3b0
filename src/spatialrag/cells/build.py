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
from spatialrag.expression.gene_names import SYMBOLS, choose_genes, is_ensembl
from spatialrag.expression.library import label_text
from spatialrag.expression.matrices import choose_matrix, counts_elsewhere, refuse_prediction
from spatialrag.expression.measured_matrix import join_matrices
from spatialrag.expression.table import read_numbers
from spatialrag.expression.values import as_matrix, value_fault
from spatialrag.names import clean_names, clean_part

TYPE_COLUMN = "cell_type"
_ABSENT = ("nan", "NaN", "NA", "N/A", "None", "<NA>", "null", "none")


def cells_from_anndata(
    adata: ad.AnnData,
    *,
    dataset: str,
    type_column: str = TYPE_COLUMN,
    donor_column: str | None = None,
    layer: str | None = None,
    gene_column: str | None = None,
    type_map: TypeMap | None = None,
    per_type: int | None = None,
    source: str = "",
    citation: str = "",
    rng: int | np.random.Generator = 0,
) -> CellBank:
    """Return the bank of one data set of cells.

    Cells without a label, or without counts, are left out; labels are trimmed. What was left out
    or changed is said in the data set's ``notes``.

    Parameters
    ----------
    adata
        Counts in ``layer``, or in ``X`` when absent.
    dataset
        Name of the data set.
    type_column, donor_column
        Columns of ``obs``; cells without a donor carry the data set's name.
    layer
        A layer, or ``raw`` (where CELLxGENE keeps counts).
    gene_column
        Column of ``var`` with symbols; see `spatialrag.expression.gene_names.choose_genes`.
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
        No such column or layer, values that are not counts, a prediction, repeated names, labels
        outside the map, or no cell left.

    Examples
    --------
    >>> single = sr.cells_from_anndata(cells_adata, dataset="atlas")
    >>> single.types.tolist()
    ['immune', 'stroma', 'tumor']
    """
    dataset = clean_part(dataset, kind="data set")
    for column in [type_column, *([donor_column] if donor_column else [])]:
        if column not in adata.obs:
            raise InputError(
                f"{dataset} has no obs column {column!r}", got=listing(adata.obs.columns, 20)
            )
    refuse_prediction(adata, layer, dataset)
    values, var = choose_matrix(adata, layer, dataset)
    columns, genes, notes = choose_genes(var, gene_column=gene_column, subject=dataset)
    where = f"{layer or 'X'} of {dataset}"
    matrix = as_matrix(values, subject=where)[:, columns]
    _check_counts(matrix, where, adata, layer)
    labels, label_notes = clean_labels(adata.obs[type_column], f"{type_column!r} of {dataset}")
    names = np.unique(labels[labels != ""])
    types = np.full(len(labels), "", object)
    types[labels != ""] = (type_map or identity(names)).apply(labels[labels != ""], source=dataset)
    totals = np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
    empty = int(((types != "") & (totals == 0)).sum())
    notes += label_notes + (f"{empty} cells of {dataset} without counts left out",) * bool(empty)
    keep = np.flatnonzero((types != "") & (totals > 0))
    if per_type is not None:
        keep = _thin(keep, types.astype(str), per_type, np.random.default_rng(rng))
    donors, donor_notes = _donors(adata.obs, donor_column, dataset)
    cell_names, name_notes = clean_names(
        adata.obs_names.to_numpy(object), kind="cell", subject=dataset
    )
    cells = pd.DataFrame(
        {
            "dataset": dataset,
            "donor": donors[keep],
            "cell": cell_names[keep],
            "cell_type": types[keep].astype(str),
            "source_type": labels[keep],
            "total_counts": totals[keep],
        }
    )
    notes += donor_notes + name_notes
    entry = {"values": COUNTS, "source": source, "citation": citation, "notes": "; ".join(notes)}
    return _single(matrix[keep], genes, cells, dataset, entry)


def cells_from_profiles(
    path: str | Path,
    *,
    dataset: str,
    type_map: TypeMap | None = None,
    only: Sequence[str] | None = None,
    source: str = "",
    citation: str = "",
) -> CellBank:
    r"""Return the bank of a table of type means: each stands in as one pseudo-cell, marked so.

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

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("profiles.csv").write_text("gene,immune,tumor\nTOY1,5,0\nTOY2,1,7\n")
    >>> sr.cells_from_profiles("profiles.csv", dataset="published").types.tolist()
    ['immune', 'tumor']
    """
    dataset = clean_part(dataset, kind="data set")
    table = read_numbers(path, kind="gene")
    values = table.to_numpy()
    if (values < 0).any():
        raise InputError(
            f"{Path(path).name} is not a table of type means",
            expected="genes in rows, types in columns, values of 0 and above on a linear scale",
            got=f"negative values (lowest {values.min():g})",
        )
    _refuse_transposed(table, Path(path).name)
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
    entry = {"values": MEANS, "source": source, "citation": citation, "notes": ""}
    return _single(matrix, table.index.to_numpy(str), cells, dataset, entry)


def join_cells(banks: Sequence[CellBank]) -> CellBank:
    """Return one bank of several: the union of their genes, cells in order.

    Raises
    ------
    InputError
        Data sets given twice, or without genes in common (another species or kind of names).

    Examples
    --------
    >>> two = sr.join_cells([cells, sr.cells_from_anndata(cells_adata, dataset="another")])
    >>> len(two.datasets)
    2
    """
    banks = list(banks)
    names = np.concatenate([bank.datasets.index.to_numpy(str) for bank in banks])
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"data sets given twice: {listing(values[counts > 1])}")
    for bank in banks[1:]:
        _check_overlap(banks[0], bank)
    joined = join_matrices([bank.matrix for bank in banks])
    return CellBank(
        expression=joined.values,
        genes=joined.genes,
        cells=pd.concat([bank.cells for bank in banks]),
        measured=joined.measured,
        datasets=pd.concat([bank.datasets for bank in banks]).fillna({"notes": ""}),
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


def clean_labels(column: pd.Series, subject: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels of cells as text, empty where a cell has none, and notes.

    Missing values and words that stand for one (``nan``, ``NA``, ``None``) are none; blanks at the
    ends go; numbers of clusters that came as floats are whole again.

    Parameters
    ----------
    column : (n_cells,)
    subject
        What the values are of, for messages.
    """
    written = [str(value) for value in column.astype(object).unique()]
    spaced = sum(bool(text.strip()) and text != text.strip() for text in written)
    notes = (f"{spaced} labels of {subject} trimmed",) * bool(spaced)
    texts = np.array([label_text(value) for value in column.astype(object)], object)
    known = pd.Index(sorted(set(texts.tolist()) - {"", *_ABSENT}))
    clean, _ = clean_names(known.to_numpy(), kind="label", subject=subject, unique=False)
    position = known.get_indexer(texts)
    labels = np.append(clean, "")[position]  # -1, the last, is of those without one
    without = int((position < 0).sum())
    note = f"{without} of {len(labels)} cells without a label in {subject} left out"
    return labels, notes + (note,) * bool(without)


def _donors(
    obs: pd.DataFrame, column: str | None, dataset: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    if column is None:
        return np.full(len(obs), dataset), ()
    donors, _ = clean_labels(obs[column], column)
    without = donors == ""
    note = f"{int(without.sum())} cells of {dataset} without a donor carry its name"
    return np.where(without, dataset, donors), (note,) * bool(without.any())


def _refuse_transposed(table: pd.DataFrame, name: str) -> None:
    """Raise when columns look like genes and rows do not."""
    if is_ensembl(table.columns.to_numpy()) and not is_ensembl(table.index.to_numpy()):
        raise InputError(
            f"{name} has genes in its columns",
            expected="genes in rows, types in columns",
            got=f"columns {listing(table.columns, 2)}",
            fix="transpose it",
        )


def _check_counts(
    matrix: sparse.csr_matrix, where: str, adata: ad.AnnData, layer: str | None
) -> None:
    fault = value_fault(matrix, scale="counts")
    if matrix.nnz and not fault:
        return
    there = counts_elsewhere(adata, layer) or listing(adata.layers, 10) or "no layer"
    symbols = f"; symbols are in gene_column={SYMBOLS!r}" if SYMBOLS in adata.var else ""
    raise InputError(
        f"{where} holds no counts",
        expected="whole numbers of molecules",
        got=fault or "zeros throughout",
        fix=f"name the layer that holds counts (or raw); there is {there}{symbols}",
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
