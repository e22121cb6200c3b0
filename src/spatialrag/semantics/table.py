"""Gene vectors somebody else computed, from a file."""

from pathlib import Path

import numpy as np

from spatialrag.anndata_file import read_anndata
from spatialrag.errors import InputError
from spatialrag.file_kind import reading, require_file
from spatialrag.names import clean_names
from spatialrag.provenance import fingerprint
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.tables.table import read_table


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

    Examples
    --------
    >>> from spatialrag.semantics import GeneVectors, write_gene_vectors
    >>> given = GeneVectors(np.array(["ACTB", "VIM"]), np.eye(2, dtype=np.float32))
    >>> write_gene_vectors(given, "vectors.npz")
    >>> read_gene_vectors("vectors.npz").genes.tolist()
    ['ACTB', 'VIM']
    """
    path = require_file(path)
    readers = {".parquet": _table, ".h5ad": _h5ad, ".npz": _npz}
    if path.suffix.lower() not in readers:
        raise InputError(
            f"{path.name} is no table of gene vectors that can be read",
            expected=", ".join(readers),
            got=path.suffix or "no suffix",
            fix="convert it; pickles are refused because opening one runs its code",
        )
    genes, vectors = readers[path.suffix.lower()](path)
    genes, _ = clean_names(genes, kind="gene", subject=path.name, unique=False)
    record: dict[str, object] = {
        "provider": "table",
        "file": path.name,
        "sha256": fingerprint(path),
    }
    return GeneVectors(genes, vectors, record)


def write_gene_vectors(vectors: GeneVectors, path: str | Path) -> None:
    """Write vectors of genes as ``.npz``, aside first.

    Examples
    --------
    >>> from spatialrag.semantics import GeneVectors
    >>> given = GeneVectors(np.array(["ACTB", "VIM"]), np.eye(2, dtype=np.float32))
    >>> write_gene_vectors(given, "kept_vectors.npz")
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.partial")
    with aside.open("wb") as stream:
        np.savez(stream, genes=vectors.genes, vectors=vectors.vectors)
    aside.replace(path)


def _table(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = read_table(path)
    texts = [name for name, dtype in table.frame.dtypes.items() if dtype.kind == "O"]
    if len(texts) != 1:
        raise InputError(
            f"{path.name} does not say which gene a row is",
            expected="symbols in the index, or in one text column",
            got=f"text columns {texts}",
        )
    columns = [name for name in table.frame if name != texts[0]]
    return table.frame[texts[0]].to_numpy(object), table.numbers(columns)[0].astype(np.float32)


def _h5ad(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = read_anndata(path)
    values = table.X.toarray() if hasattr(table.X, "toarray") else table.X
    return table.obs_names.to_numpy(object), np.asarray(values)


def _npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with reading(path, "gene vectors (npz)"), np.load(path, allow_pickle=False) as stored:
        missing = [name for name in ("genes", "vectors") if name not in stored]
        if missing:
            raise InputError(
                f"{path.name} holds no gene vectors",
                expected="arrays genes (text) and vectors",
                got=f"no {' and no '.join(missing)}",
            )
        return stored["genes"], stored["vectors"]
