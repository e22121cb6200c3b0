"""A plain table of expression: CSV, TSV or Parquet, spots in rows."""

from pathlib import Path

import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.expression.section import Section

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV (also gzipped) or Parquet file with names in its first column or index."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist", fix="check the path")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if ".parquet" in suffixes:
        try:
            return pd.read_parquet(path)
        except ImportError as error:
            raise MissingDependencyError(
                "pyarrow", extra="parquet", needed_for=f"reading {path.name}"
            ) from error
    separator = next((_SEPARATORS[s] for s in suffixes if s in _SEPARATORS), None)
    if separator is None:
        raise InputError(f"unknown table format {path.name}", expected=".csv, .tsv or .parquet")
    frame = pd.read_csv(path, sep=separator, index_col=0)
    frame.index = frame.index.astype(str)
    return frame


def read_table(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    scale: str = "counts",
) -> Section:
    """Read a section from a table of spots x genes; columns ``x`` and ``y`` are pixel positions.

    Parameters
    ----------
    path
        First column: spot names. ``x`` and ``y`` may be absent (a section without an image).
    slide, donor
        Names; the file's stem when not given.
    scale
        Expression scale of the values.
    """
    frame = read_frame(path)
    name = slide or Path(path).name.split(".")[0]
    located = {"x", "y"} <= set(frame.columns)
    genes = frame.columns.drop(["x", "y"]) if located else frame.columns
    values = frame[genes].apply(pd.to_numeric, errors="coerce")
    if values.isna().to_numpy().any():
        bad = genes[values.isna().to_numpy().any(axis=0)]
        raise InputError(
            f"{Path(path).name} has cells that are not numbers",
            got=f"in column {bad[0]!r}",
            expected="spots in rows, genes in columns, every cell a number",
        )
    return Section(
        slide=name,
        donor=donor or name,
        expression=sparse.csr_matrix(values.to_numpy("float32")),
        genes=genes.to_numpy(),
        spots=frame.index.to_numpy(),
        xy=frame[["x", "y"]].to_numpy(float) if located else None,
        scale=scale,
    )
