"""From a file's AnnData to what domain methods read: spots and genes filtered, counts kept."""

import anndata as ad
import numpy as np
from scipy import sparse

from spatialrag import keys
from spatialrag.domains.tissue import complete_genes
from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.expression.normalize import SIZE_FACTOR

COUNTS = "counts"  # layer
_IN_TISSUE = "in_tissue"


def prepare(
    adata: ad.AnnData,
    *,
    layer: str | None = None,
    section_key: str | None = None,
    scale: str | None = None,
    n_genes: int | None = 3000,
    min_spots: int = 10,
) -> ad.AnnData:
    """Return a copy with the spots and genes that domains are found from.

    Dropped: spots outside the tissue (``obs['in_tissue']`` 0), genes in fewer than ``min_spots``
    spots, genes that vary little, genes that a prediction left missing anywhere, spots without
    counts in what remains. Annotations are neither
    needed nor looked at: spots without one stay.

    Parameters
    ----------
    adata
        Expression in ``layer``, or ``X`` when absent.
    layer
        See ``adata``.
    section_key
        Column of ``obs`` that names sections; gene variability is then ranked within each.
    scale
        Of the expression: what this package wrote of ``X`` or the layer, else ``counts``.
        Predictions are ``log1p_cp10k``.
    n_genes
        Variable genes kept, g: of counts ranked by variance over what their mean predicts (scanpy's
        ``seurat_v3``), of logarithms by variance. All when absent or when there are not more.
    min_spots
        Fewest spots a gene is found in.

    Returns
    -------
    AnnData
        Counts in ``layers['counts']`` and in ``X`` counts per 10,000 of the genes kept (SemST, Eq.
        15); logarithms in ``X`` as they are. What was dropped in ``uns['spatialrag']``.

    Raises
    ------
    InputError
        Values that are not counts, a layer or column that is not there, or nothing left.
    """
    scale = scale or keys.record_of(adata, layer).get("scale", "counts")
    counted, n_before = scale == "counts", adata.n_vars
    matrix = _matrix(adata, layer)
    if not counted:
        complete = complete_genes(matrix)
        adata, matrix = adata[:, complete], matrix[:, complete]
    _require_usable(matrix, adata, layer, counted)
    spots = np.ones(adata.n_obs, bool)
    if _IN_TISSUE in adata.obs:
        spots = adata.obs[_IN_TISSUE].to_numpy().astype(float) > 0
    genes = np.asarray((matrix[spots] > 0).sum(axis=0)).ravel() >= min_spots
    kept = adata[spots, genes].copy()
    kept.layers[COUNTS] = matrix[spots][:, genes]
    if n_genes is not None and kept.n_vars > n_genes:
        rank = _variable if counted else _by_variance
        kept = kept[:, rank(kept, n_genes, section_key)].copy()
    totals = np.asarray(kept.layers[COUNTS].sum(axis=1)).ravel()
    if not (totals > 0).any():
        raise InputError(
            "nothing is left of this expression",
            got=f"{kept.n_vars} genes found in {min_spots} spots or more",
            fix="lower min_spots",
        )
    empty = int((totals == 0).sum())
    kept, totals = kept[totals > 0].copy(), totals[totals > 0]
    if counted:
        per_spot = sparse.diags(SIZE_FACTOR / totals)
        kept.X = (per_spot @ kept.layers[COUNTS]).tocsr().astype(np.float32)
    else:
        kept.X = kept.layers.pop(COUNTS)
    found = {
        "spots_outside_tissue": int((~spots).sum()),
        "spots_without_expression": empty,
        "genes_dropped": n_before - kept.n_vars,
        "min_spots": min_spots,
        "n_genes": kept.n_vars,
    }
    keys.write_record(kept, found if counted else {"scale": scale} | found)
    if counted:
        keys.write_record(kept, {"scale": "counts"}, layer=COUNTS)
    return kept


def _matrix(adata: ad.AnnData, layer: str | None) -> sparse.csr_matrix:
    if layer is not None and layer not in adata.layers:
        raise InputError(
            f"there is no layer {layer!r}", expected=", ".join(adata.layers) or "a layer"
        )
    # Stored as small integers, sums of counts overflow.
    return sparse.csr_matrix(adata.X if layer is None else adata.layers[layer], dtype=np.float32)


def _require_usable(
    matrix: sparse.csr_matrix, adata: ad.AnnData, layer: str | None, counted: bool
) -> None:
    usable = np.isfinite(matrix.data).all() and not (matrix.data < 0).any()
    if not usable or (counted and (matrix.data % 1).any()):
        raise InputError(
            f"{'X' if layer is None else f'layer {layer!r}'} does not hold "
            f"{'counts' if counted else 'expression'}",
            expected=f"{'whole' if counted else 'finite'} numbers, not negative",
            fix=f"name the layer that does; there is {', '.join(adata.layers) or 'none'}"
            + "; or state the scale, say log1p_cp10k" * counted,
        )


def _by_variance(adata: ad.AnnData, n_genes: int, section_key: str | None) -> np.ndarray:
    """Return the most variable genes, by the mean of variances within sections."""
    values = adata.layers[COUNTS]
    names = [""] * adata.n_obs if section_key is None else adata.obs[section_key].astype(str)
    variances = []
    for name in set(names):
        part = values[np.asarray(names) == name].toarray()
        variances.append(part.var(axis=0))
    chosen = np.zeros(adata.n_vars, bool)
    chosen[np.argsort(-np.mean(variances, axis=0), kind="stable")[:n_genes]] = True
    return chosen


def _variable(adata: ad.AnnData, n_genes: int, section_key: str | None) -> np.ndarray:
    try:
        import scanpy as sc
    except ImportError as error:
        raise MissingDependencyError(
            "scanpy", extra="domains", needed_for="ranking genes by variability"
        ) from error
    found = sc.pp.highly_variable_genes(
        adata,
        flavor="seurat_v3",
        layer=COUNTS,
        n_top_genes=n_genes,
        batch_key=section_key,
        inplace=False,
    )
    return found["highly_variable"].to_numpy()
