"""Which genes vary most over spots, by a rule that also small and shallow sections allow."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import MissingDependencyError
from spatialrag.expression.normalize import SIZE_FACTOR

_SPANS = (0.3, 0.6, 1.0)  # of the loess; scanpy's first, wider ones where it has too few points


def variable_genes(
    expression: sparse.csr_matrix,
    n_genes: int,
    *,
    counted: bool,
    sections: np.ndarray | None = None,
) -> tuple[np.ndarray, str]:
    """Return which genes vary most, (n_genes,) bool, and the rule that chose them.

    Of counts, by variance over what their mean predicts (scanpy's ``seurat_v3``). Its loess needs
    more genes with different means than a small or shallow section has: a wider span is then tried,
    and in the end genes are ranked by the variance of log counts per 10,000. Logarithms are ranked
    by variance. Whatever differs from scanpy's default is said in a warning.

    Parameters
    ----------
    expression : CSR (n_spots, n_genes)
    n_genes
        How many.
    counted
        Whether these are counts; else logarithms.
    sections : (n_spots,), optional
        Section of each spot: variability is ranked within each.

    Raises
    ------
    MissingDependencyError
        Counts, and scanpy is not installed.
    """
    if not counted:
        return _by_variance(expression, n_genes, sections), "variance"
    try:
        import scanpy as sc
    except ImportError as error:
        raise MissingDependencyError(
            "scanpy", extra="domains", needed_for="ranking genes by variability"
        ) from error
    adata = ad.AnnData(expression)
    if sections is not None:
        adata.obs["section"] = pd.Categorical(sections)
    for span in _SPANS:
        try:
            found = sc.pp.highly_variable_genes(
                adata,
                flavor="seurat_v3",
                n_top_genes=n_genes,
                batch_key=None if sections is None else "section",
                span=span,
                inplace=False,
            )
        except ValueError:  # skmisc's loess, on too few or too equal means
            continue
        if span != _SPANS[0]:
            _warn(f"the loess of scanpy's rule needed a span of {span}")
        return found["highly_variable"].to_numpy(), f"seurat_v3, span {span}"
    _warn("scanpy's rule has too few different means here: the variance of logarithms is used")
    totals = np.maximum(np.asarray(expression.sum(axis=1, dtype=np.float64)).ravel(), 1.0)
    logs = (sparse.diags(SIZE_FACTOR / totals) @ expression).tocsr().log1p()
    return _by_variance(logs, n_genes, sections), "variance of logarithms"


def _warn(what: str) -> None:
    warnings.warn(f"variable genes: {what}", stacklevel=4)


def _by_variance(
    values: sparse.csr_matrix, n_genes: int, sections: np.ndarray | None
) -> np.ndarray:
    """Return the most variable genes, by the mean of variances within sections."""
    labels = np.zeros(values.shape[0], int) if sections is None else np.asarray(sections)
    variances = []
    for label in np.unique(labels):
        part = values[labels == label].astype(np.float64)
        mean = np.asarray(part.mean(axis=0)).ravel()
        variances.append(np.asarray(part.multiply(part).mean(axis=0)).ravel() - mean**2)
    chosen = np.zeros(values.shape[1], bool)
    chosen[np.argsort(-np.mean(variances, axis=0), kind="stable")[:n_genes]] = True
    return chosen
