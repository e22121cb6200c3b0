import anndata as ad
import numpy as np
import pandas as pd
import pytest

TYPES = ("Epithelial", "CAFs", "T-cells")


def make_cells(per_type=20, n_genes=90, seed=0, types=TYPES, depth=400):
    """Cells of types that each raise their own third of the genes."""
    rng = np.random.default_rng(seed)
    genes = np.array([f"G{i:03d}" for i in range(n_genes)])
    profiles = np.ones((len(types), n_genes))
    for i, block in enumerate(np.array_split(np.arange(n_genes), len(types))):
        profiles[i, block] = 12
    profiles /= profiles.sum(axis=1, keepdims=True)
    labels = np.repeat(types, per_type)
    counts = rng.poisson(depth * profiles[np.repeat(np.arange(len(types)), per_type)])
    obs = pd.DataFrame({"cell_type": labels, "donor": np.resize(["d1", "d2"], len(labels))})
    obs.index = [f"c{i}" for i in range(len(labels))]
    return ad.AnnData(counts.astype("float32"), obs=obs, var=pd.DataFrame(index=genes)), profiles


@pytest.fixture
def adata():
    return make_cells()[0]


@pytest.fixture
def profiles():
    return make_cells()[1]
