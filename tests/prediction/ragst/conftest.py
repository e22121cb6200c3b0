from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialrag.cells.build import cells_from_anndata
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.generator import Generator
from spatialrag.training.graph import Training

HEAD = Composition(components=40, penalty=0.03)  # choosing a penalty is test_composition's
QUICK = Generator(
    n_retrieved=8, n_genes=40, batch=64, training=Training(epochs=15, learning_rate=3e-3)
)


@pytest.fixture(scope="session")
def atlas(toy_bank):
    """Cells of three types over most of the toy's genes and five that spots did not measure."""
    import anndata as ad

    rng = np.random.default_rng(3)
    spots = toy_bank.expression.toarray()
    order = np.argsort(spots[:, 0] / np.maximum(spots.sum(axis=1), 1))
    blocks = np.array_split(order, 3)
    genes = np.concatenate([toy_bank.genes[:-4], [f"ZERO{i}" for i in range(5)]])
    counts, labels = [], []
    for name, block in zip(("Alpha", "Beta", "Gamma"), blocks, strict=True):
        profile = spots[block].sum(axis=0)[:-4] + 0.5
        profile = np.append(profile, rng.gamma(1, profile.mean(), 5))
        counts.append(rng.poisson(2000 * profile / profile.sum(), (15, len(genes))))
        labels += [name] * 15
    obs = pd.DataFrame({"cell_type": labels}, index=[f"c{i}" for i in range(45)])
    made = ad.AnnData(np.vstack(counts).astype("float32"), obs, pd.DataFrame(index=genes))
    return cells_from_anndata(made, dataset="atlas")


@pytest.fixture(scope="session")
def shares(toy_bank):
    """Proportions of every toy spot, which follow its first gene."""
    values = toy_bank.on_scale("log1p_cp10k")[:, :3].toarray() + 0.1
    values /= values.sum(axis=1, keepdims=True)
    return Proportions(values, toy_bank.references.index.to_numpy(str), ["Alpha", "Beta", "Gamma"])


@pytest.fixture(scope="session")
def train_bank(toy_bank):
    return toy_bank.without(slides=["toy4"])


@pytest.fixture(scope="session")
def queries(toy_bank):
    return toy_bank.embeddings_of("toy4")


@pytest.fixture(scope="session")
def fitted(atlas, shares, train_bank):
    from spatialrag.prediction.ragst.ragst import RAGST

    return RAGST(atlas, shares, "both", composition=HEAD, generator=QUICK).fit(train_bank)


@pytest.fixture(scope="session")
def settings(atlas, shares):
    from spatialrag.prediction.ragst.ragst import RAGST

    return RAGST(atlas, shares, composition=HEAD, generator=QUICK)


@pytest.fixture
def quick():
    return replace(QUICK)
