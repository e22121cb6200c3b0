"""Whether predicted maps keep the biology: gene-gene structure, gene sets, region markers."""

from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.metrics.expression import (
    centered,
    chance_among_top,
    is_constant,
    pearson_per_gene,
)


def gene_gene_agreement(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Return Pearson's r between the gene-gene correlations of prediction and truth.

    Parameters
    ----------
    predicted, measured : (n_spots, n_genes)
    """
    upper = np.triu_indices(predicted.shape[1], k=1)
    pairs = [_correlations(values)[upper] for values in (predicted, measured)]
    return float(pearson_per_gene(pairs[0][:, None], pairs[1][:, None])[0])


def _correlations(values: np.ndarray) -> np.ndarray:
    z = centered(values)
    z = z / np.maximum(np.linalg.norm(z, axis=0), np.finfo(float).tiny)
    return z.T @ z


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    r"""Read gene sets: one per line, tab-separated name, description, genes.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("hallmark.gmt").write_text("HYPOXIA\tsource\tVEGFA\tCA9\n")
    >>> read_gmt("hallmark.gmt")
    {'HYPOXIA': ['VEGFA', 'CA9']}
    """
    sets = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) < 3:
            raise InputError(
                f"{path}, line {number} is not a gene set", expected="name, description, genes"
            )
        sets[fields[0]] = [gene for gene in fields[2:] if gene]
    return sets


def set_scores(
    expression: np.ndarray, genes: np.ndarray, sets: dict[str, list[str]], *, minimum: int = 5
) -> dict[str, np.ndarray]:
    """Return per-spot scores (n_spots,) of gene sets: mean of the z-scored member genes.

    Sets with fewer than ``minimum`` genes present are left out of the result.
    """
    z = centered(expression)
    z = z / np.maximum(z.std(axis=0), np.finfo(float).tiny)
    position = {gene: i for i, gene in enumerate(genes)}
    members = {name: [position[g] for g in group if g in position] for name, group in sets.items()}
    return {name: z[:, m].mean(axis=1) for name, m in members.items() if len(m) >= minimum}


def set_score_agreement(
    predicted: np.ndarray, measured: np.ndarray, genes: np.ndarray, sets: dict[str, list[str]]
) -> dict[str, float]:
    """Return for each gene set Pearson's r over spots between predicted and measured scores."""
    ours, truth = set_scores(predicted, genes, sets), set_scores(measured, genes, sets)
    return {
        name: float(pearson_per_gene(ours[name][:, None], truth[name][:, None])[0]) for name in ours
    }


def marker_overlap(
    predicted: np.ndarray, measured: np.ndarray, regions: np.ndarray, *, top: int = 20
) -> dict[str, float]:
    """Return for each region the share of its measured markers found among the predicted ones.

    Markers are the ``top`` genes with the largest standardized difference between region and rest,
    or all genes that vary where these are fewer. Genes that do not vary are no markers: constant or
    missing predictions find nothing. Equal differences are ordered at random, and the share is what
    that gives in expectation.

    Parameters
    ----------
    predicted, measured : (n_spots, n_genes)
        Without missing values.
    regions : (n_spots,)
        Regions of fewer than 3 spots, or of all but fewer than 3, are left out.
    top
        Markers of a region.

    Returns
    -------
    dict
        By region; NaN where no gene varies in truth.
    """
    overlap = {}
    exist = min(top, int((~is_constant(measured)).sum()))
    for region in np.unique(regions):
        inside = regions == region
        if 3 <= inside.sum() <= len(regions) - 3:
            pair = [_differences(values, inside) for values in (predicted, measured)]
            both = [chance_among_top(values, max(exist, 1)) for values in pair]
            overlap[str(region)] = float((both[0] * both[1]).sum() / exist) if exist else np.nan
    return overlap


def _differences(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the standardized difference of each gene, (1, n_genes); NaN where it is constant."""
    z = centered(values)
    spread = z.std(axis=0)
    difference = z[inside].mean(axis=0) - z[~inside].mean(axis=0)
    found = np.divide(difference, spread, out=np.full(len(spread), np.nan), where=spread > 0)
    # Maps that differ by rounding alone, such as one number per spot for all genes, are tied.
    return np.round(found, 5)[None]
