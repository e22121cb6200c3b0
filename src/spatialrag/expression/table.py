"""A plain table of expression: CSV, TSV or Parquet, spots in rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.expression.gene_names import unique_genes
from spatialrag.expression.in_tissue import in_tissue
from spatialrag.expression.library import select_library
from spatialrag.expression.normalize import Scale
from spatialrag.expression.options import describe, refuse_given
from spatialrag.expression.places import refuse_depth
from spatialrag.expression.section import Section
from spatialrag.expression.transposed import refuse_transposed
from spatialrag.expression.values import as_matrix, check_values
from spatialrag.names import name_of_file, refuse_repeated
from spatialrag.tables.columns import is_known_column, place_columns
from spatialrag.tables.numbers import is_number
from spatialrag.tables.table import Table, read_table as read_columns


def read_frame(path: str | Path, *, kind: str = "spot") -> pd.DataFrame:
    """Read a table with names in its first column or index.

    Parameters
    ----------
    path
        CSV, TSV (also gzipped) or Parquet; see `spatialrag.tables.table.read_table`.
    kind
        What a row is, for messages.
    """
    return read_columns(path).named(kind).frame


def read_numbers(path: str | Path, *, kind: str) -> pd.DataFrame:
    """Read a table of numbers alone, float64, with names in its first column or index.

    Parameters
    ----------
    path, kind
        As in `read_frame`.

    Raises
    ------
    InputError
        A cell that is no number, which is named.
    """
    table = read_columns(path).named(kind)
    values, _ = table.numbers(table.frame.columns)
    return pd.DataFrame(values, index=table.frame.index, columns=table.frame.columns)


def read_table(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    layer: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    gene_column: str | None = None,
) -> Section:
    """Read a section from a table of spots x genes.

    Columns of positions (``x`` and ``y``, or as Space Ranger and Seurat name them) and others known
    to describe spots (``in_tissue``, ``total_counts``, clusters, …), and columns of text, are not
    genes; they go to ``obs``.

    Parameters
    ----------
    path
        Names of spots in the first column, in one called ``barcode`` or ``spot``, or in the index
        of a Parquet file. Without positions it is a section without an image.
    slide, donor
        Names; the file's when not given.
    layer, gene_column
        Refused: a table has one matrix and one row of names.
    scale
        Scale of the values; ``counts`` when absent.
    library
        Which slide, where a column names several.

    Raises
    ------
    InputError
        What `spatialrag.tables` refuses, genes in rows, or values that are not on their scale.
    """
    given = {"layer": layer, "gene_column": gene_column}
    refuse_given(given, subject=str(path), reason="a table of one matrix")
    read = read_columns(path)
    name = describe(slide, name_of_file(path))
    table = _of_one_slide(read, library, slide, name)
    genes, others = _columns(table.frame, table.name)
    if not genes:
        raise InputError(
            f"{table.name} holds no genes",
            expected="spots in rows, genes in columns",
            got=f"columns {listing(table.frame.columns)}",
        )
    refuse_transposed(read.frame.columns[0], table.frame.index, genes, table.name)
    pair = place_columns(others)
    obs = table.frame[others]
    inside, tissue_notes = in_tissue(obs, subject=name)
    values, notes = table.numbers(genes)
    names, gene_notes = unique_genes(np.array(genes, object), None, subject=name)
    xy, place_notes = (None, ()) if pair is None else table.numbers(pair)
    matrix, scale = as_matrix(values, subject=table.name)[inside], scale or "counts"
    _check(matrix, scale, genes, table.name)
    described = [column for column in others if column not in (pair or ())]
    said = (f"columns of {name} that are no genes: {listing(described)}",) * bool(described)
    return Section(
        slide=slide or name_of_file(path),
        donor=donor or slide or name_of_file(path),
        expression=matrix,
        genes=names,
        spots=table.frame.index.to_numpy()[inside],
        xy=None if xy is None else xy[inside],
        scale=scale,
        notes=(*table.notes, *said, *notes, *place_notes, *gene_notes, *tissue_notes),
        obs=obs[inside],
    )


def read_table_spots(
    path: str | Path, *, slide: str | None, library: str | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read names and centres of spots alone from a table: (n_spots,), (n_spots, 2), and notes.

    Parameters
    ----------
    path
        As in `read_table`; genes it may hold are not looked at.
    slide, library
        Select a slide where a column names several.

    Raises
    ------
    InputError
        No columns of positions, or cells in them that are no numbers.
    """
    table = read_columns(path)
    pair = place_columns(list(table.frame.columns))
    if pair is None:
        raise InputError(
            f"{table.name} has no positions",
            expected="columns x and y: spot centres, pixels of the full-resolution image",
            got=f"columns {listing(table.frame.columns)}",
        )
    name = describe(slide, name_of_file(path))
    table = _of_one_slide(table, library, slide, name)
    xy, notes = table.numbers(pair)
    inside, tissue_notes = in_tissue(table.frame, subject=name)
    names = table.frame.index.to_numpy()
    return names[inside], xy[inside], (*table.notes, *notes, *tissue_notes)


def _of_one_slide(table: Table, library: str | None, slide: str | None, name: str) -> Table:
    """Return the rows of one slide, by unique names of spots."""
    named = table.named(unique=False)
    described = named.frame[[column for column in named.frame if is_known_column(column)]]
    pair = place_columns(list(described.columns))
    places = None
    if pair is not None and all(dtype.kind in "iuf" for dtype in described[list(pair)].dtypes):
        places = described[list(pair)].to_numpy(float)
    chosen = select_library(described, {}, places, library=library, slide=slide, subject=name)
    frame = named.frame if chosen.spots.all() else named.frame[chosen.spots]
    refuse_repeated(frame.index.to_numpy(str), kind="spot", subject=table.name)
    if pair is not None:
        refuse_depth(frame, subject=table.name)
    return replace(named, frame=frame, notes=(*named.notes, *chosen.notes))


def _columns(frame: pd.DataFrame, name: str) -> tuple[list[str], list[str]]:
    """Return the columns that are genes, and those that describe spots."""
    genes, others, blank = [], [], []
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if is_known_column(column):
            others.append(column)
        elif dtype.kind in "iuf" or any(is_number(str(cell)) for cell in frame[column]):
            genes.append(column)
        else:
            others.append(column)
            blank += [column] * bool((frame[column].astype(str) == "").all())
    if blank and len(frame):
        raise InputError(f"columns of {name} without a value: {listing(blank)}", fix="remove them")
    return genes, others


def _check(matrix: sparse.csr_matrix, scale: Scale, genes: list[str], name: str) -> None:
    """Raise when values are not on their scale; a few columns of fractions are named."""
    fractions = np.unique(matrix.indices[(scale == "counts") & (matrix.data % 1 != 0)])
    fix = ""
    if 0 < len(fractions) <= max(3, len(genes) // 20):
        named = listing([genes[j] for j in fractions])
        fix = (
            f"remove the columns {named} if they are no genes, or state the scale, "
            "scale='log1p' or 'log1p_cp10k'"
        )
    check_values(matrix, scale=scale, subject=name, fix=fix)
