"""Four noisy stripes with counts: averages over neighbors find them, single spots do not."""

import numpy as np
import pytest

from spatialrag.domains.tissue import Tissue


def make_stripes(seed=0, side=20, n_genes=30):
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 1.0
    truth = np.minimum(xy[:, 0] // (side / 4), 3).astype(int)
    profiles = np.exp(rng.normal(0, 0.4, (4, n_genes)))
    counts = rng.poisson(2 * profiles[truth])
    counts[counts.sum(axis=1) == 0, 0] = 1
    names = np.array([f"G{i}" for i in range(n_genes)])
    spots = np.array([f"s{i}" for i in range(len(xy))])
    return Tissue(counts, names, spots, xy), truth.astype(str)


@pytest.fixture(scope="session")
def stripes():
    return make_stripes()


@pytest.fixture(scope="session")
def untidy(stripes):
    """The stripes with ten cells that lie on others, and three spots off the tissue."""
    tissue, truth = stripes
    rows = np.concatenate([np.arange(400), np.arange(0, 400, 40), [0, 200, 399]])
    xy = tissue.xy[rows]
    xy[-3:] = [[-40.0, 3.0], [60.0, 60.0], [9.0, 300.0]]
    spots = np.array([f"s{i}" for i in range(len(rows))])
    return Tissue(tissue.expression[rows], tissue.genes, spots, xy), truth[rows]
