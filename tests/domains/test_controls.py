from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from spatialrag.domains.controls import NeighborhoodMeans, SmoothedPCA
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.metrics.domains import domain_scores

STARMAP = Path(__file__).parents[3] / "shared/data/domains/starmap_visual_1k.h5ad"


def test_averages_over_neighbors_find_noisy_stripes(stripes):
    tissue, truth = stripes
    scores = [
        domain_scores(truth, SmoothedPCA(k=k).fit_predict(tissue, n_domains=4).labels)["ari"]
        for k in (0, 8)
    ]
    assert scores[0] < 0.6 < 0.8 < scores[1]


def test_sections_are_not_averaged_together(stripes):
    tissue, _ = stripes
    counts = tissue.expression.toarray()
    both = Tissue(
        np.concatenate([counts, counts[:, ::-1] * 5]),
        tissue.genes,
        np.arange(2 * tissue.n_spots),
        np.concatenate([tissue.xy, tissue.xy]),
        sections=np.repeat(["a", "b"], tissue.n_spots),
    )
    found = SmoothedPCA(k=8).fit_predict(both, n_domains=2)
    adjacency = found.graphs["spatial"].connectivities
    assert adjacency[: tissue.n_spots, tissue.n_spots :].nnz == 0
    assert replace(both, sections=both.sections).sections is both.sections


def test_spots_at_one_place_are_averaged_as_neighbors(untidy):
    tissue, truth = untidy
    with pytest.warns(UserWarning, match="20 of 413 spots share their place"):
        found = SmoothedPCA(k=8).fit_predict(tissue, n_domains=4)
    own = SmoothedPCA(k=0).fit_predict(tissue, n_domains=4).embedding
    joined = found.graphs["spatial"].connectivities.toarray() > 0
    expected = np.array(
        [own[row | (np.arange(413) == i)].mean(axis=0) for i, row in enumerate(joined)]
    )
    np.testing.assert_allclose(found.embedding, expected, rtol=1e-5, atol=1e-6)
    assert joined[0, 400]
    assert domain_scores(truth[:400], found.labels[:400])["ari"] > 0.8


@pytest.mark.realdata
def test_published_level_of_the_control_on_starmap():
    if not STARMAP.exists():
        pytest.skip("the real data folder ../shared/data is absent")
    adata = ad.read_h5ad(STARMAP)
    truth = adata.obs["layer"].to_numpy()
    tissue = Tissue.from_anndata(adata)
    scores = [
        domain_scores(truth, SmoothedPCA(k=k).fit_predict(tissue, n_domains=7).labels)["ari"]
        for k in (0, 15)
    ]
    assert scores[0] < 0.3
    assert scores[1] > 0.65


@pytest.mark.parametrize(
    "control",
    [
        NeighborhoodMeans(),
        NeighborhoodMeans((8,)),
        NeighborhoodMeans((8,), order="mean_first"),
    ],
)
def test_neighborhood_means_find_noisy_stripes(stripes, control):
    tissue, truth = stripes
    found = control.fit_predict(tissue, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.7
    assert found.embedding.shape == (400, 20 * len(control.ranges))


def test_one_range_is_the_smoothing_control(stripes):
    tissue, _ = stripes
    found = NeighborhoodMeans((8,)).fit_predict(tissue, n_domains=4)
    expected = SmoothedPCA(k=8).fit_predict(tissue, n_domains=4)
    np.testing.assert_allclose(found.embedding, expected.embedding)
    with pytest.raises(InputError, match="1 or more"):
        NeighborhoodMeans(())
