from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from spatialrag.domains.controls import SmoothedPCA
from spatialrag.errors import InputError
from spatialrag.metrics.domains import domain_scores

STARMAP = Path(__file__).parents[3] / "shared/data/domains/starmap_visual_1k.h5ad"


def stripes(rng):
    xy = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2)
    truth = (xy[:, 0] // 5).astype(int)
    profiles = rng.normal(size=(4, 30))
    return xy, truth, profiles[truth] + 3 * rng.normal(size=(400, 30))


def test_averages_over_neighbors_find_noisy_stripes():
    xy, truth, values = stripes(np.random.default_rng(0))
    scores = [
        domain_scores(truth, SmoothedPCA(k=k).fit_predict(values, xy, n_domains=4).labels)["ari"]
        for k in (0, 8)
    ]
    assert scores[0] < 0.5 < 0.8 < scores[1]


def test_sections_are_not_averaged_together():
    xy, _, values = stripes(np.random.default_rng(0))
    both = np.concatenate([values, values + 100])
    sections = np.repeat(["a", "b"], 400)
    domains = SmoothedPCA(k=8).fit_predict(
        both, np.concatenate([xy, xy]), n_domains=2, sections=sections
    )
    assert domain_scores(sections, domains.labels)["ari"] == 1
    with pytest.raises(InputError, match="expression and coordinates do not match"):
        SmoothedPCA().fit_predict(values[:5], xy, n_domains=2)


@pytest.mark.realdata
@pytest.mark.skipif(not STARMAP.exists(), reason="needs the STARmap visual cortex")
def test_starmap_visual_cortex_beats_clustering_of_expression():
    cells = ad.read_h5ad(STARMAP)
    counts = np.asarray(cells.X.toarray() if hasattr(cells.X, "toarray") else cells.X, float)
    values = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    truth = cells.obs["layer"].to_numpy()
    ari = [
        domain_scores(
            truth, SmoothedPCA(k=k).fit_predict(values, cells.obsm["spatial"], n_domains=7).labels
        )["ari"]
        for k in (0, 15)
    ]
    assert ari[0] < 0.3
    assert ari[1] > 0.65
