"""Names of genes: which column they are in, what is no gene, and the one rule for repeated ones.

A symbol that stands for several genes (``TBCE`` has two Ensembl ids) is told apart by the id, in
every reader and for each copy: ``TBCE-ENSG00000284770``. Where a file states no ids, or the ids
repeat too, the file is refused: which copy is meant cannot be known.
"""

import re

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing
from spatialrag.names import clean_names, refuse_repeated

# Columns of var that hold ids beside symbols, and symbols beside ids (CELLxGENE's schema).
ID_COLUMNS = ("gene_ids", "gene_id", "feature_id", "ensembl_id", "ensembl", "ENSEMBL")
SYMBOLS = "feature_name"
INDEX = "index"
_GENE = "Gene Expression"
# What 10x Genomics calls features; other words in such a column say something else.
_TYPES = {
    _GENE, "Antibody Capture", "CRISPR Guide Capture", "Multiplexing Capture", "Custom", "Peaks",
    "Antigen Capture", "Protein Expression", "Protein Scores", "Isotype",
}  # fmt: skip
_ENSEMBL = re.compile(r"ENS[A-Z]{0,4}G\d{5,}(\.\d+)?")
_VERSION = re.compile(r"(ENS[A-Z]{0,4}G\d{5,})\.\d+")
_DATE = re.compile(r"(\d{1,2}-(Mar|Sep|Sept|Dec|Oct|Apr|Feb))|((Mar|Sep|Sept|Dec|Oct|Apr|Feb)-\d+)")


def is_ensembl(names: np.ndarray) -> bool:
    """Return whether most names are Ensembl ids."""
    sample = [str(name) for name in names[:: max(1, len(names) // 200)]]
    found = sum(bool(_ENSEMBL.fullmatch(name)) for name in sample)
    return found > len(sample) / 2


def without_versions(names: np.ndarray) -> np.ndarray:
    """Return Ensembl ids less their version, ``ENSG….5``; other names as they are."""
    return np.array([_VERSION.sub(r"\1", str(name)) for name in names], object).astype(str)


def choose_genes(
    var: pd.DataFrame, *, gene_column: str | None, subject: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return columns of a matrix that are genes, their unique names, and notes.

    Features of other types (antibodies) are left out. Names are those of ``gene_column``; of
    ``feature_name`` where the index holds Ensembl ids, as CELLxGENE writes; else of the index.

    Parameters
    ----------
    var : (n_features, …)
        Index and columns that describe features.
    gene_column
        Column of names, ``index``, or None.
    subject
        Whose values these are, for messages.

    Returns
    -------
    columns : (n_genes,) int
    names : (n_genes,)
    notes
    """
    columns, notes = _genes_alone(var, subject)
    var = var.iloc[columns]
    if gene_column is None and SYMBOLS in var and is_ensembl(var.index):
        gene_column = SYMBOLS
        notes += (f"gene names of {subject} taken from var[{SYMBOLS!r}]: its index has ids",)
    index = var.index.to_numpy(object)
    if gene_column is None or (gene_column == INDEX and INDEX not in var):
        names = index
    elif gene_column in var:
        names = var[gene_column].astype(object).to_numpy()
        absent = pd.isna(names) | (names == "")
        if absent.any():
            names = np.where(absent, index, names)
            notes += (f"{int(absent.sum())} genes of {subject} without a symbol keep their id",)
    else:
        raise InputError(
            f"{subject} has no column {gene_column!r} of genes",
            expected=f"one of {listing(['index', *var.columns], 20)}",
        )
    names, unique_notes = unique_genes(names, _ids(var, gene_column), subject=subject)
    return columns, names, notes + unique_notes


def unique_genes(
    symbols: np.ndarray, ids: np.ndarray | None, *, subject: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return gene names, each once: repeated symbols carry their id (the rule of this module).

    Parameters
    ----------
    symbols : (n_genes,)
    ids : (n_genes,), optional
    subject
        Whose values these are, for messages.

    Raises
    ------
    InputError
        Repeated symbols without ids, or what `clean_names` refuses.
    """
    names, notes = clean_names(symbols, kind="gene", subject=subject, unique=False)
    repeated = pd.Series(names).duplicated(keep=False).to_numpy()
    if repeated.any() and ids is not None:
        apart = [
            f"{name}-{each}" if again and name != str(each) else name
            for name, each, again in zip(names, ids, repeated, strict=True)
        ]
        shown = listing(np.unique(names[repeated]), 3)
        notes += (f"{int(repeated.sum())} genes of {subject} share a symbol ({shown}): id added",)
        names = np.array(apart, object).astype(str)
    refuse_repeated(
        names,
        kind="gene",
        subject=subject,
        fix="add up or remove the copies; with their ids (gene_ids) they can be told apart",
    )
    dates = [name for name in names if _DATE.fullmatch(name)]
    if dates:
        notes += (
            f"{len(dates)} gene names of {subject} look like dates ({listing(dates, 3)}): a "
            "spreadsheet changes MARCHF1 or SEPTIN2 so",
        )
    return names, notes


def _genes_alone(var: pd.DataFrame, subject: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return columns of features that are genes; all where no types are stated."""
    everything = np.arange(len(var))
    column = next((c for c in ("feature_types", "feature_type") if c in var), None)
    if column is None:
        return everything, ()
    types = var[column].astype(object).map(lambda value: str(value).strip()).to_numpy(str)
    others = types != _GENE
    if not others.any() or not set(types) & _TYPES:
        return everything, ()
    if others.all():
        raise InputError(
            f"{subject} holds no genes",
            expected=f"features of the type {_GENE!r}",
            got=listing(sorted(set(types))),
        )
    kinds = pd.Series(types[others]).value_counts()
    said = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return everything[~others], (f"features of {subject} that are no genes left out: {said}",)


def _ids(var: pd.DataFrame, gene_column: str | None) -> np.ndarray | None:
    """Return ids that tell repeated symbols apart: a column of ids, or an index of them."""
    column = next((c for c in ID_COLUMNS if c in var and c != gene_column), None)
    if column is not None:
        return var[column].astype(object).map(str).to_numpy(object)
    if gene_column not in (None, INDEX) and var.index.is_unique:
        return var.index.to_numpy(object)
    return None
