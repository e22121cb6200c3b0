"""Counts of 10x Genomics: HDF5 of Cell and Space Ranger 1 to 4, and Matrix Market folders."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import io, sparse

from spatialrag.errors import InputError, listing
from spatialrag.file_kind import kind_of, reading, refusal
from spatialrag.tables.table import read_table

_EXPECTED = "a count matrix of 10x Genomics"
_COLUMNS = ("gene_ids", "name", "feature_types")


def read_matrix(path: Path) -> tuple[sparse.csr_matrix, np.ndarray, pd.DataFrame]:
    """Return counts (n_barcodes, n_features), barcodes, and what features are.

    Parameters
    ----------
    path
        An ``.h5`` file, ``matrix.mtx``, or the folder of it.

    Returns
    -------
    matrix : CSR
    barcodes : (n_barcodes,)
    features : pandas.DataFrame
        Index: symbols, ids where a file has no symbols; columns ``gene_ids`` and
        ``feature_types`` as far as they are stated.

    Raises
    ------
    InputError
        Another file, or one that is damaged.
    """
    if path.is_dir():
        inside = sorted(path.glob("matrix.mtx*"))
        path = inside[0] if inside else path / "matrix.mtx.gz"
    matrix, barcodes, features = _read_mtx(path) if ".mtx" in path.name else _read_h5(path)
    n, m = len(barcodes), len(features)
    if matrix.shape != (n, m):
        if matrix.shape != (m, n):
            raise InputError(
                f"{path.name} does not fit its names",
                expected=f"{m} features x {n} barcodes",
                got=f"{matrix.shape[1]} x {matrix.shape[0]}",
                fix="download the three files again, of the same sample",
            )
        matrix = matrix.T
    return sparse.csr_matrix(matrix), barcodes, features


def _read_h5(path: Path) -> tuple[sparse.csc_matrix, np.ndarray, pd.DataFrame]:
    if kind_of(path).key != "10x":
        raise refusal(path, _EXPECTED)
    with reading(path, _EXPECTED), h5py.File(path) as file:
        group = file["matrix"] if "matrix" in file else _old_group(file, path)
        shape = tuple(int(n) for n in group["shape"][:])
        parts = tuple(group[name][:] for name in ("data", "indices", "indptr"))
        matrix = sparse.csc_matrix(parts, shape=shape)
        matrix.check_format(full_check=True)
        columns = {
            "gene_ids": _text(group, "features/id", "genes"),
            "name": _text(group, "features/name", "gene_names"),
            "feature_types": _text(group, "features/feature_type"),
        }
        features = _features(columns, shape[0], path)
        barcodes = _text(group, "barcodes")
        if barcodes is None:
            raise refusal(path, _EXPECTED)
        return matrix.T, barcodes, features


def _old_group(file: h5py.File, path: Path) -> h5py.Group:
    """Return the genome's group of a file older than Cell Ranger 3."""
    genomes = [name for name in file if "gene_names" in file[name]]
    if len(genomes) != 1:
        raise InputError(
            f"{path.name} holds counts of {len(genomes)} genomes",
            expected="one genome",
            got=listing(genomes),
        )
    return file[genomes[0]]


def _text(group: h5py.Group, *names: str) -> np.ndarray | None:
    name = next((name for name in names if name in group), None)
    return None if name is None else group[name].asstr()[:].astype(object)


def _features(columns: dict[str, np.ndarray | None], n_features: int, path: Path) -> pd.DataFrame:
    there = {name: values for name, values in columns.items() if values is not None}
    names = there.pop("name", there.get("gene_ids"))
    if names is None or any(len(values) != n_features for values in (names, *there.values())):
        raise InputError(
            f"{path.name} does not name its features",
            expected=f"{n_features} names or ids",
            got=", ".join(f"{name}: {len(values)}" for name, values in there.items()) or "none",
            fix="take the file as Space Ranger wrote it",
        )
    return pd.DataFrame(there, index=names)


def _read_mtx(path: Path) -> tuple[sparse.csc_matrix, np.ndarray, pd.DataFrame]:
    """Read ``matrix.mtx`` with ``features.tsv`` (``genes.tsv`` of old) and ``barcodes.tsv``."""
    with reading(path, "counts in Matrix Market form"):
        matrix = sparse.csc_matrix(io.mmread(path))
    features = _beside(path, ("features.tsv", "genes.tsv"), matrix.shape)
    barcodes = _beside(path, ("barcodes.tsv",), matrix.shape)
    columns = dict(zip(_COLUMNS, (features[name] for name in features), strict=False))
    values = {name: column.to_numpy(object) for name, column in columns.items()}
    return matrix.T, barcodes.iloc[:, 0].to_numpy(object), _features(values, len(features), path)


def _beside(path: Path, names: tuple[str, ...], shape: tuple[int, int]) -> pd.DataFrame:
    """Return the table beside a matrix, less a header that somebody added."""
    for name in names:
        for ending in ("", ".gz"):
            start = path.name.partition("matrix.mtx")[0]
            beside = path.with_name(f"{start}{name}{ending}")
            if beside.is_file():
                frame = read_table(beside, header=False, as_text=True).frame
                return (
                    frame.iloc[1:] if len(frame) - 1 in shape and len(frame) not in shape else frame
                )
    raise InputError(
        f"{path.name} has no {' or '.join(names)} beside it",
        expected=f"{names[0]} or {names[0]}.gz with the same prefix",
        fix="download it too",
    )
