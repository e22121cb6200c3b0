import subprocess
import sys
from dataclasses import replace

import anndata as ad
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spatialrag.domains.controls import SmoothedPCA  # noqa: E402
from spatialrag.domains.semst import semst as module  # noqa: E402
from spatialrag.domains.semst.presets import preset  # noqa: E402
from spatialrag.domains.semst.semst import SemST  # noqa: E402
from spatialrag.domains.semst.settings import Objective  # noqa: E402
from spatialrag.domains.tissue import Tissue  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402
from spatialrag.metrics.domains import domain_scores  # noqa: E402
from spatialrag.semantics.spots import RandomSpots  # noqa: E402
from spatialrag.training.graph import Training  # noqa: E402

SHORT = SemST(training=Training(epochs=15))


def test_finds_stripes_that_expression_alone_does_not(stripes):
    tissue, truth = stripes
    alone = SmoothedPCA(k=0).fit_predict(tissue, n_domains=4)
    found = SHORT.fit_predict(tissue, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.85
    assert domain_scores(truth, alone.labels)["ari"] < 0.6
    losses = found.arrays["losses"]
    assert losses[-1] < losses[0]


def test_same_seed_same_domains_whatever_the_global_state(stripes):
    tissue, _ = stripes
    first = SHORT.fit_predict(tissue, n_domains=4)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    again = SHORT.fit_predict(tissue, n_domains=4)
    np.testing.assert_array_equal(first.embedding, again.embedding)
    assert torch.equal(torch.get_rng_state(), state)
    other = replace(SHORT, seed=1).fit_predict(tissue, n_domains=4)
    assert not np.array_equal(first.embedding, other.embedding)


def test_semantics_leave_their_traces(stripes):
    tissue, _ = stripes
    found = SHORT.fit_predict(tissue, n_domains=4, semantics=RandomSpots(dim=5))
    assert found.arrays["alpha"].shape == found.arrays["before"].shape
    assert np.abs(found.arrays["alpha"]).max() > 0
    assert found.record["semantics"] == {"mode": "random", "seed": 0}
    assert "alpha" not in SHORT.fit_predict(tissue, n_domains=4).arrays
    assert set(found.graphs) == {"spatial", "features"}
    assert found.record["graphs"]["spatial"] == {"kind": "grid", "rings": 1}


def test_interrupted_run_ends_the_same(stripes, tmp_path, monkeypatch):
    tissue, _ = stripes
    settings = SemST(training=Training(epochs=12, save_every=4), objective=Objective(rows=100))
    whole = settings.fit_predict(tissue, n_domains=4)
    real, calls = module.backward, []

    def stops(*inputs):
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return real(*inputs)

    monkeypatch.setattr(module, "backward", stops)
    with pytest.raises(KeyboardInterrupt):
        settings.fit_predict(tissue, n_domains=4, checkpoint=tmp_path / "run.pt")
    monkeypatch.setattr(module, "backward", real)
    other = replace(settings, seed=3)
    with pytest.raises(InputError, match="another training"):
        other.fit_predict(tissue, n_domains=4, checkpoint=tmp_path / "run.pt")
    resumed = settings.fit_predict(tissue, n_domains=4, checkpoint=tmp_path / "run.pt")
    np.testing.assert_array_equal(resumed.embedding, whole.embedding)


def test_anndata_goes_in_and_labels_are_never_read(stripes):
    tissue, _ = stripes
    adata = ad.AnnData(tissue.expression)
    adata.obsm["spatial"] = tissue.xy
    found = SHORT.fit_predict(adata, n_domains=4)
    adata.obs["layer"] = "x"
    again = SHORT.fit_predict(adata, n_domains=4)
    np.testing.assert_array_equal(found.labels, again.labels)


def test_trace_ends_with_the_result(stripes):
    tissue, _ = stripes
    found = SemST(training=Training(epochs=10, trace_every=5)).fit_predict(tissue, n_domains=4)
    assert found.arrays["trace"].shape == (2, *found.embedding.shape)
    np.testing.assert_array_equal(found.arrays["trace"][-1], found.embedding)


def test_number_of_domains_can_be_left_open(stripes):
    tissue, _ = stripes
    assert 2 <= len(SHORT.fit_predict(tissue, n_domains=None).sizes) <= 12


def test_log_expression_by_the_gaussian_likelihood(stripes):
    tissue, truth = stripes
    logs = replace(tissue, expression=tissue.logs, scale="log1p_cp10k")
    settings = replace(SHORT, objective=Objective(likelihood="gaussian"))
    found = settings.fit_predict(logs, n_domains=4)
    assert domain_scores(truth, found.labels)["ari"] > 0.85


@pytest.mark.filterwarnings("ignore:.*spots (share|have)")
@pytest.mark.parametrize("name", ["default", "paper", "released"])
def test_cells_on_cells_and_spots_off_the_tissue(untidy, name):
    tissue, truth = untidy
    settings = preset(name)
    if name != "default":
        settings = replace(settings, graphs=replace(settings.graphs, space="radius"))
    clustering = replace(settings.clustering, refine=True)
    settings = replace(settings, training=Training(epochs=20), clustering=clustering)
    found = settings.fit_predict(tissue, n_domains=4)
    assert np.isfinite(found.embedding).all()
    assert np.isfinite(found.arrays["losses"]).all()
    record = found.record["graphs"]["spatial"]
    assert record["isolated"] == ["s410", "s411", "s412"]
    assert record["sharing_places"] == 20
    if name == "default":
        assert domain_scores(truth[:400], found.labels[:400])["ari"] > 0.8


def test_settings_follow_the_scale():
    assert SHORT.for_scale("counts") is SHORT
    logs = SHORT.for_scale("log1p_cp10k")
    assert logs.objective == replace(SHORT.objective, likelihood="gaussian")
    assert replace(logs, objective=SHORT.objective) == SHORT


def test_bad_input(stripes):
    tissue, _ = stripes
    small = Tissue(tissue.expression[:10], tissue.genes, tissue.spots[:10], tissue.xy[:10])
    with pytest.raises(InputError, match="below the number of spots"):
        SHORT.fit_predict(small, n_domains=2)
    with pytest.raises(InputError, match="different spots"):
        SHORT.fit_predict(replace(tissue, xy=np.zeros_like(tissue.xy)), n_domains=2)

    class Short:
        def of(self, expression, genes):
            return RandomSpots().of(expression[:5], genes)

    with pytest.raises(InputError, match="do not match spots"):
        SHORT.fit_predict(tissue, n_domains=2, semantics=Short())
    with pytest.raises(TypeError):
        SHORT.fit_predict(tissue, n_domains=2, labels=np.zeros(400))


@pytest.mark.parametrize("room", ["semst.semst", "baselines.stagate"])
def test_without_torch_the_extra_is_named(room):
    code = f"import sys; sys.modules['torch'] = None; import spatialrag.domains.{room}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'spatialrag[domains]'" in done.stderr
