import anndata as ad
import numpy as np
import pytest

from spatialrag.domains.consensus import Consensus
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.errors import InputError
from spatialrag.jobs.domain_methods import (
    SemSTOptions,
    annotate_domains,
    choose_method,
    make_method,
)


def test_options_choose_the_method():
    assert choose_method(None, SemSTOptions()) == ("consensus", [])
    name, notes = choose_method(None, SemSTOptions(top_genes=5, preset="paper"))
    assert name == "semst"
    assert notes == ["--top-genes, --preset belong to SemST, so the method is semst"]
    assert choose_method("semst", SemSTOptions(epochs=1)) == ("semst", [])
    with pytest.raises(InputError, match="consensus does not take --epochs"):
        choose_method("consensus", SemSTOptions(epochs=1))
    with pytest.raises(InputError, match="unknown method"):
        choose_method("best", SemSTOptions())


def test_settings_are_made():
    assert make_method("consensus", SemSTOptions(), seed=4, device="cpu") == Consensus(seed=4)
    pytest.importorskip("torch")
    given = SemSTOptions(epochs=3, clustering="kmeans", approximate=True)
    method = make_method("semst", given, seed=2, device="cpu")
    assert (method.training.epochs, method.clustering.by, method.seed) == (3, "kmeans", 2)
    assert method.graphs.approximate


def test_an_anndata_is_annotated():
    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2) * 1.0
    rates = np.where(xy[:, :1] < 6, [[1.0] * 10 + [6.0] * 10], [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rates).astype(np.float32), obsm={"spatial": xy})
    found = annotate_domains(adata, n_domains=2, method="smoothed_pca")
    assert adata.obs["domain_smoothed_pca"].astype(str).tolist() == found.labels.tolist()
    annotate_domains(adata, n_domains=2, method=SmoothedPCA(k=4), key_added="mine")
    assert adata.obs["domain_mine"].nunique() == 2
    with pytest.raises(InputError, match="unknown method"):
        annotate_domains(adata, n_domains=2, method="best")
