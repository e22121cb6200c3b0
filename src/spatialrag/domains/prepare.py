"""From a file's AnnData to what domain methods read: spots and genes filtered, counts kept."""

import anndata as ad
import numpy as np
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.expression.normalize import SIZE_FACTOR

COUNTS = "counts"  # layer
_IN_TISSUE = "in_tissue"


def prepare(
    adata: ad.AnnData,
    *,
    layer: str | None = None,
    section_key: str | None = None,
    n_genes: int | None = 3000,
    min_spots: int = 10,
) -> ad.AnnData:
    """Return a copy with the spots and genes that domains are found from.

    Dropped: spots outside the tissue (``obs['in_tissue']`` 0), genes in fewer than ``min_spots``
    spots, genes that vary little, spots without counts in what remains. Annotations are neither
    needed nor looked at: spots without one stay.

    Parameters
    ----------
    adata
        Counts in ``layer``, or ``X`` when absent.
    layer
        See ``adata``.
    section_key
        Column of ``obs`` that names sections; gene variability is then ranked within each.
    n_genes
        Variable genes kept, g: ranked by variance of counts over what their mean predicts (scanpy's
        ``seurat_v3``). All when absent or when there are not more.
    min_spots
        Fewest spots a gene is found in.

    Returns
    -------
    AnnData
        Counts in ``layers['counts']``; in ``X`` counts per 10,000 of the genes kept (SemST, Eq.
        15); what was dropped in ``uns['spatialrag']``.

    Raises
    ------
    InputError
        Values that are not counts, a layer or column that is not there, or nothing left.
    """
    matrix = _counts(adata, layer)
    spots = np.ones(adata.n_obs, bool)
    if _IN_TISSUE in adata.obs:
        spots = adata.obs[_IN_TISSUE].to_numpy().astype(float) > 0
    genes = np.asarray((matrix[spots] > 0).sum(axis=0)).ravel() >= min_spots
    kept = adata[spots, genes].copy()
    kept.layers[COUNTS] = matrix[spots][:, genes].astype(np.float32)
    if n_genes is not None and kept.n_vars > n_genes:
        kept = kept[:, _variable(kept, n_genes, section_key)].copy()
    totals = np.asarray(kept.layers[COUNTS].sum(axis=1)).ravel()
    if not (totals > 0).any():
        raise InputError(
            "nothing is left of these counts",
            got=f"{kept.n_vars} genes found in {min_spots} spots or more, none with counts",
            fix="lower min_spots",
        )
    empty = int((totals == 0).sum())
    kept, totals = kept[totals > 0].copy(), totals[totals > 0]
    kept.X = (sparse.diags(SIZE_FACTOR / totals) @ kept.layers[COUNTS]).tocsr().astype(np.float32)
    kept.uns[keys.RECORD] = {
        "spots_outside_tissue": int((~spots).sum()),
        "spots_without_counts": empty,
        "genes_dropped": int(adata.n_vars - kept.n_vars),
        "min_spots": min_spots,
        "n_genes": kept.n_vars,
    }
    return kept


def _counts(adata: ad.AnnData, layer: str | None) -> sparse.csr_matrix:
    if layer is not None and layer not in adata.layers:
        raise InputError(
            f"there is no layer {layer!r}", expected=", ".join(adata.layers) or "a layer"
        )
    # Stored as small integers, sums of counts overflow.
    matrix = sparse.csr_matrix(adata.X if layer is None else adata.layers[layer], dtype=np.float32)
    if not np.isfinite(matrix.data).all() or (matrix.data < 0).any() or (matrix.data % 1).any():
        raise InputError(
            f"{'X' if layer is None else f'layer {layer!r}'} does not hold counts",
            expected="whole numbers, not negative",
            fix=f"name the layer that does; there is {', '.join(adata.layers) or 'none'}",
        )
    return matrix


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
