"""Gene vectors somebody else computed, from a file."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.provenance import fingerprint
from spatialrag.semantics.gene_vectors import GeneVectors


def read_gene_vectors(path: str | Path) -> GeneVectors:
    """Return vectors of genes from a table.

    Parameters
    ----------
    path
        ``.parquet`` with symbols in the index or in a text column and numbers elsewhere;
        ``.h5ad`` with one row per gene, vectors in ``X``; ``.npz`` with arrays ``genes`` and
        ``vectors``. Pickles run code when they are opened and are refused.

    Raises
    ------
    InputError
        No such file, another format, or a content that does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    readers = {".parquet": _parquet, ".h5ad": _h5ad, ".npz": _npz}
    if path.suffix not in readers:
        raise InputError(
            f"{path.name} is no table of gene vectors that can be read",
            expected=", ".join(readers),
            got=path.suffix or "no suffix",
            fix="convert it; pickles are refused because opening one runs its code",
        )
    genes, vectors = readers[path.suffix](path)
    record = {"provider": "table", "file": path.name, "sha256": fingerprint(path)}
    return GeneVectors(genes, vectors, record)


def write_gene_vectors(vectors: GeneVectors, path: str | Path) -> None:
    """Write vectors of genes as ``.npz``, aside first."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.partial")
    with aside.open("wb") as stream:
        np.savez(stream, genes=vectors.genes, vectors=vectors.vectors)
    aside.replace(path)


def _parquet(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise MissingDependencyError(
            "pyarrow", extra="parquet", needed_for="reading Parquet files"
        ) from error
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if len(texts) > 1 or (not texts and pd.api.types.is_numeric_dtype(table.index)):
        raise InputError(
            f"{path.name} does not say which gene a row is",
            expected="symbols in the index, or in one text column",
            got=f"text columns {texts}",
        )
    if texts:
        table = table.set_index(texts[0])
    return table.index.to_numpy(str), table.to_numpy(np.float32)


def _h5ad(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = ad.read_h5ad(path)
    values = table.X.toarray() if hasattr(table.X, "toarray") else table.X
    return table.obs_names.to_numpy(str), np.asarray(values)


def _npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["genes"].astype(str), stored["vectors"]
    except (ValueError, KeyError) as error:
        raise InputError(
            f"{path.name} holds no gene vectors",
            expected="arrays genes (text) and vectors",
            got=str(error),
        ) from error
