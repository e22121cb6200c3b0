"""What stands beside the truth of a slide: Pearson residuals, depth, and the noise ceiling."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.bank.bank import Bank
from spatialrag.evaluation.panel import Panel
from spatialrag.expression.normalize import Scale, to_scale
from spatialrag.expression.section import Section
from spatialrag.metrics.ceiling import split_half_per_gene
from spatialrag.metrics.residuals import pearson_residuals


@dataclass(frozen=True, eq=False)
class SecondTruth:
    """Of one slide and panel, the same for every method.

    Parameters
    ----------
    residuals : (n_spots, n_genes)
        Analytic Pearson residuals of the section's counts, spots in its order; each gene's share
        of all counts is the references'.
    ceiling : (n_genes,)
        Pearson's r between two halves of the counts.
    """

    residuals: np.ndarray
    ceiling: np.ndarray


def second_truth(section: Section, references: Bank, panel: Panel) -> SecondTruth | None:
    """Return what stands beside the truth; None unless section and bank hold whole counts.

    Parameters
    ----------
    section
        Measured expression.
    references
        Whose genes' shares the residuals take: none of the test slide's counts sets its own level.
    panel
        Genes scored.
    """
    counts = _counts(section.expression, section.scale)
    known = _counts(references.expression, references.scale)
    if counts is None or known is None:
        return None
    columns = pd.Index(section.genes).get_indexer(panel.genes)
    totals = section.totals
    residuals = pearson_residuals(
        counts[:, columns].toarray(), totals, gene_shares(known, references, panel.genes)
    )
    scored = totals > 0

    def normalize(half: sparse.csr_matrix) -> np.ndarray:
        wide = to_scale(half, stored="counts", wanted="log1p_cp10k")[:, columns]
        return sparse.csr_matrix(wide).toarray()

    return SecondTruth(residuals, split_half_per_gene(counts[scored], normalize))


def gene_shares(counts: sparse.csr_matrix, references: Bank, genes: np.ndarray) -> np.ndarray:
    """Return each gene's share of the references' counts, (len(genes),)."""
    columns, totals = references.columns_of(genes), references.references["total_counts"]
    total = np.asarray(counts[:, columns].sum(axis=0, dtype=np.float64)).ravel()
    by_slide = np.bincount(references.slide_of, weights=totals, minlength=len(references.slides))
    return total / np.maximum(references.measured[columns] @ by_slide, 1)


def _counts(expression: sparse.csr_matrix, scale: Scale) -> sparse.csr_matrix | None:
    """Return whole counts, None where the scale has lost them."""
    if scale == "log1p_cp10k":
        return None
    counts = sparse.csr_matrix(to_scale(expression, stored=scale, wanted="counts"))
    whole = np.rint(counts.data)
    if (np.abs(counts.data - whole) > 1e-3).any() or (whole < 0).any():
        return None
    counts.data = whole
    return counts
