"""Whether predicted maps keep the biology: gene-gene structure, gene sets, region markers."""

from pathlib import Path

import numpy as np

from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene


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
    z = np.asarray(values, np.float64)
    z = z - z.mean(axis=0)
    norm = np.linalg.norm(z, axis=0)
    z = z / np.where(norm > 1e-12, norm, 1)
    return z.T @ z


def read_gmt(path: str | Path) -> dict[str, list[str]]:
    """Read gene sets: one per line, tab-separated name, description, genes."""
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
    center, spread = expression.mean(axis=0), expression.std(axis=0)
    z = (expression - center) / np.where(spread > 1e-12, spread, 1)
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
    """Return for each region the share of its ``top`` measured markers among predicted markers.

    Markers are the genes with the largest standardized difference between region and rest.
    """
    overlap = {}
    for region in np.unique(regions):
        inside = regions == region
        if 3 <= inside.sum() <= len(regions) - 3:
            ours, truth = (_markers(values, inside, top) for values in (predicted, measured))
            overlap[str(region)] = len(ours & truth) / top
    return overlap


def _markers(values: np.ndarray, inside: np.ndarray, top: int) -> set[int]:
    difference = values[inside].mean(axis=0) - values[~inside].mean(axis=0)
    spread = values.std(axis=0)
    score = np.where(spread > 1e-12, difference / np.where(spread > 1e-12, spread, 1), -np.inf)
    return set(np.argsort(-score, kind="stable")[:top].tolist())
