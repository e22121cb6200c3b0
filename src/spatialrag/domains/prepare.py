"""From a file's AnnData to what domain methods read: spots and genes filtered, counts kept."""

import warnings
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.domains.sections import refuse_several, section_labels
from spatialrag.domains.tissue import complete_genes
from spatialrag.domains.variable_genes import variable_genes
from spatialrag.errors import InputError, listing
from spatialrag.expression.in_tissue import in_tissue
from spatialrag.expression.library import libraries_of, select_library
from spatialrag.expression.matrices import advise, choose_matrix
from spatialrag.expression.normalize import SIZE_FACTOR, Scale, check_scale
from spatialrag.expression.places import places_of
from spatialrag.expression.values import as_matrix, check_values

COUNTS = "counts"  # layer
_KEPT = "counts_given"  # layer: a user's own layer ``counts``, where another matrix was read
_RESERVED, _RENAMED = "_index", "index_"  # column that AnnData cannot write
_LOGARITHMS = 20.0  # below which fractions may be logarithms and are not taken for counts


def prepare(
    adata: ad.AnnData,
    *,
    layer: str | None = None,
    section_key: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    n_genes: int | None = 3000,
    min_spots: int = 10,
    subject: str = "AnnData",
) -> ad.AnnData:
    """Return a copy with the spots and genes that domains are found from.

    Dropped: spots outside the tissue (``obs['in_tissue']`` 0), genes in fewer than ``min_spots``
    spots, genes that vary little, genes that a prediction left missing anywhere, spots without
    counts in what remains. Annotations are neither needed nor looked at: spots without one stay.
    What was dropped or changed is said in warnings and in the record.

    Parameters
    ----------
    adata
        Expression in ``layer``, or ``X`` when absent.
    layer
        See ``adata``; also ``raw``.
    section_key
        Column of ``obs`` that names sections; gene variability is then ranked within each. A file
        that holds several sections is refused without it.
    scale
        Scale of the expression: what this package wrote of ``X`` or the layer, else ``counts``.
        Predictions are ``log1p_cp10k``. Counts with fractions (corrected for ambient RNA, or
        already per 10,000) become ``log1p_cp10k``, with a warning.
    library
        Only the spots of this slide, as in `spatialrag.expression.h5ad.from_anndata`.
    n_genes
        Variable genes kept, g, by `spatialrag.domains.variable_genes.variable_genes`. All when
        absent or when there are not more.
    min_spots
        Fewest spots a gene is found in.
    subject
        What messages call the AnnData.

    Returns
    -------
    AnnData
        Counts in ``layers['counts']`` and in ``X`` counts per 10,000 of the genes kept (SemST, Eq.
        15); logarithms in ``X`` as they are. What was dropped in ``uns['spatialrag']``.

    Raises
    ------
    InputError
        Values that are not counts, a layer or column that is not there, several sections and
        nothing said, or nothing left.
    """
    read = _read(adata, layer=layer, scale=scale, subject=subject)
    chosen = _choose_spots(adata, section_key=section_key, library=library, subject=subject)
    matrix, counted = read.matrix[chosen.spots], read.scale == COUNTS
    genes = np.asarray((matrix > 0).sum(axis=0)).ravel() >= min_spots
    kept = _with_matrix(adata, chosen.spots, read.columns[genes], matrix[:, genes])
    if chosen.xy is not None:
        kept.obsm[keys.SPATIAL] = chosen.xy
    rule = "all"
    if n_genes is not None and kept.n_vars > n_genes:
        sections = None if section_key is None else section_labels(kept.obs, section_key)
        best, rule = variable_genes(kept.X, n_genes, counted=counted, sections=sections)
        kept = kept[:, best].copy()
    totals = np.asarray(kept.X.sum(axis=1, dtype=np.float64)).ravel()
    if kept.n_vars < 2 or not (totals > 0).any():
        raise InputError(
            "nothing is left of this expression that could tell domains apart",
            expected="two genes or more",
            got=f"{kept.n_vars} genes found in {min_spots} spots or more, of {adata.n_vars}",
            fix="lower min_spots (--min-spots), or give a file with more genes",
        )
    empty = kept.obs_names[totals == 0]
    if len(empty):
        kept, totals = kept[totals > 0].copy(), totals[totals > 0]
    notes = [*read.notes, *chosen.notes]
    if len(empty):
        notes.append(f"{len(empty)} spots without expression left out: {listing(empty, 3)}")
    notes += _make_writable(kept)
    if counted:
        kept.layers[COUNTS] = kept.X
        kept.X = (sparse.diags(SIZE_FACTOR / totals) @ kept.X).tocsr().astype(np.float32)
    facts = {
        "spots_outside_tissue": chosen.outside,
        "spots_without_expression": len(empty),
        "genes_dropped": adata.n_vars - kept.n_vars,
        "min_spots": min_spots,
        "n_genes": kept.n_vars,
        "gene_rule": rule,
    }
    for note in notes:
        warnings.warn(note, stacklevel=2)
    facts |= {"notes": notes} if notes else {}
    keys.write_record(kept, facts if counted else {"scale": read.scale} | facts)
    if counted:
        keys.write_record(kept, {"scale": COUNTS}, layer=COUNTS)
    return kept


@dataclass(frozen=True, eq=False)
class _Read:
    """Expression of all spots, and which columns of ``var`` its genes are."""

    matrix: sparse.csr_matrix
    columns: np.ndarray
    scale: Scale
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Spots:
    """Spots that are kept, with their places."""

    spots: np.ndarray
    xy: np.ndarray | None
    outside: int
    notes: tuple[str, ...]


def _read(adata: ad.AnnData, *, layer: str | None, scale: Scale | None, subject: str) -> _Read:
    values, var = choose_matrix(adata, layer, subject)
    where = f"{'X' if layer is None else f'layer {layer!r}'} of {subject}"
    matrix = as_matrix(values, subject=where)
    recorded = keys.record_of(adata, layer).get("scale")
    columns, notes = _columns_of(adata, var, subject)
    matrix = matrix[:, columns >= 0]
    columns = columns[columns >= 0]
    scale = check_scale(str(scale or recorded or COUNTS))
    if recorded is not None and scale != COUNTS:
        complete = complete_genes(matrix)
        matrix, columns = matrix[:, complete], columns[complete]
    if scale == COUNTS and _corrected(matrix):
        share = np.mean(matrix.data % 1 != 0)
        check_values(matrix, scale="log1p", subject=where)
        totals = np.maximum(np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel(), 1e-12)
        matrix = (sparse.diags(SIZE_FACTOR / totals) @ matrix).tocsr().astype(np.float32).log1p()
        note = (
            f"{share:.0%} of the values of {where} are fractions: taken for corrected counts, "
            "brought to 10,000 a spot and to logarithms (scale log1p_cp10k)"
        )
        return _Read(matrix, columns, "log1p_cp10k", (*notes, note))
    check_values(matrix, scale=scale, subject=where, fix=advise(adata, layer, scale))
    return _Read(matrix, columns, scale, notes)


def _corrected(matrix: sparse.csr_matrix) -> bool:
    """Return whether values have fractions and are too large for logarithms."""
    data = matrix.data
    return bool(
        len(data)
        and np.isfinite(data).all()
        and data.min() >= 0
        and data.max() >= _LOGARITHMS
        and (data % 1 != 0).any()
    )


def _columns_of(
    adata: ad.AnnData, var: pd.DataFrame, subject: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return where each gene of a matrix stands in ``var``, -1 where not; ``.raw`` has others."""
    if var is adata.var:
        return np.arange(adata.n_vars), ()
    columns = adata.var_names.get_indexer(var.index)
    absent = int((columns < 0).sum())
    note = f"{absent} genes of .raw of {subject} are not among its genes and left out"
    return columns, (note,) * bool(absent)


def _choose_spots(
    adata: ad.AnnData, *, section_key: str | None, library: str | None, subject: str
) -> _Spots:
    xy, notes = places_of(adata.obsm, adata.obs, subject=subject)
    spots = np.ones(adata.n_obs, bool)
    if library is not None:
        pictures = libraries_of(adata.uns)
        found = select_library(
            adata.obs, pictures, xy, library=library, slide=None, subject=subject
        )
        spots, notes = found.spots, (*notes, *found.notes)
    elif section_key is None:
        refuse_several(adata.obs, adata.uns, xy, subject=subject)
    if section_key is not None:
        section_labels(adata.obs[spots], section_key)
    inside, more = in_tissue(adata.obs[spots], subject=subject)
    spots = spots.copy()
    spots[spots] = inside
    return _Spots(spots, None if xy is None else xy[spots], int((~inside).sum()), (*notes, *more))


def _with_matrix(
    adata: ad.AnnData, spots: np.ndarray, columns: np.ndarray, matrix: sparse.csr_matrix
) -> ad.AnnData:
    """Return some spots and genes with ``matrix`` as X; layers stay, a layer ``counts`` renamed."""
    kept = adata[spots, columns].copy()
    if COUNTS in kept.layers:
        given = kept.layers.pop(COUNTS)
        if not _same(given, matrix):
            kept.layers[_KEPT] = given
    kept.X = matrix
    return kept


def _same(first: object, second: sparse.csr_matrix) -> bool:
    return abs(sparse.csr_matrix(first, dtype=np.float32) - second).max() == 0


def _make_writable(adata: ad.AnnData) -> list[str]:
    """Rename columns that AnnData reserves (converted files have them); return notes."""
    notes = []
    for name, table in (("obs", adata.obs), ("var", adata.var)):
        if _RESERVED in table:
            setattr(adata, name, table.rename(columns={_RESERVED: _RENAMED}))
            notes.append(f"column {_RESERVED!r} of {name} is reserved and now {_RENAMED!r}")
    if adata.raw is not None and _RESERVED in adata.raw.var:
        raw = adata.raw.to_adata()
        raw.var = raw.var.rename(columns={_RESERVED: _RENAMED})
        adata.raw = raw
        notes.append(f"column {_RESERVED!r} of raw.var is reserved and now {_RENAMED!r}")
    return notes
