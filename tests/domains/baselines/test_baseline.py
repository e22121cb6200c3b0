import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.baselines.baseline import Fused, run  # noqa: E402
from spatialrag.domains.baselines.graphst import GraphST  # noqa: E402
from spatialrag.domains.baselines.spatial_mgcn import SpatialMGCN  # noqa: E402
from spatialrag.domains.baselines.stagate import STAGATE  # noqa: E402
from spatialrag.domains.clustering import Clustering  # noqa: E402
from spatialrag.graphs.spatial import spatial_graph  # noqa: E402
from spatialrag.semantics.spots import RandomSpots  # noqa: E402
from spatialrag.training.graph import Training  # noqa: E402


def test_without_semantics_nothing_changes():
    latent = torch.randn(4, 3)
    assert Fused(3, "fsm", None)(latent) is latent
    fused = Fused(3, "add", torch.randn(4, 5))
    torch.testing.assert_close(fused(latent), latent)
    assert len(list(fused.parameters())) == 4


class Mean(torch.nn.Module):
    """Pulls its embedding to the data."""

    def __init__(self, values, semantic):
        super().__init__()
        self.values, self.fused = values, Fused(values.shape[1], "fsm", semantic)
        self.weight = torch.nn.Parameter(torch.zeros_like(values))

    def embedding(self):
        return self.fused(self.weight)

    def loss(self, generator):
        return (self.embedding() - self.values).square().mean()


def test_semantics_reach_the_network_and_the_record(stripes):
    tissue, _ = stripes
    seen = []

    def build(given, semantic):
        seen.append(None if semantic is None else semantic.shape)
        return Mean(torch.from_numpy(given.logs.toarray()), semantic), spatial_graph(given.xy)

    settings = GraphST(training=Training(epochs=3))
    for semantics in (None, RandomSpots(dim=5)):
        found = run(
            settings, tissue, build, n_domains=3, semantics=semantics, reduce=lambda x: x[:, :2]
        )
        assert found.embedding.shape == (400, 2)
        assert (found.record["semantics"] is None) == (semantics is None)
    assert seen == [None, (400, 5)]
    assert found.record["method"] == "GraphST"


@pytest.mark.filterwarnings("ignore:.*spots (share|have)")
@pytest.mark.parametrize("method", [GraphST, SpatialMGCN, STAGATE])
def test_cells_on_cells_and_spots_off_the_tissue(untidy, method):
    tissue, _ = untidy
    more = {"space": "radius", "hidden": 16} if method is STAGATE else {}
    settings = method(training=Training(epochs=3), clustering=Clustering(refine=True), **more)
    found = settings.fit_predict(tissue, n_domains=4)
    assert np.isfinite(found.embedding).all()
    assert np.isfinite(found.arrays["losses"]).all()
    alone = found.graphs["spatial"].isolated.tolist()
    assert alone == ([410, 411, 412] if method is STAGATE else [])
