import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import spatialrag as sr
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.errors import InputError
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.scores import evaluate
from spatialrag.keys import record_of, write_record
from spatialrag.prediction.store import from_anndata, to_anndata

METHOD = sr.GeneRAG(n_anchors=60, min_coverage=0.9)  # some values are missing


def anndata_of(section):
    return ad.AnnData(
        section.expression.copy(),
        obs=pd.DataFrame(index=section.spots),
        var=pd.DataFrame(index=section.genes),
        obsm={"spatial": section.xy},
    )


@pytest.fixture(scope="module")
def annotated(toy_sections, references):
    """What `tl.predict` leaves, and the whole prediction that it keeps there."""
    section = toy_sections[3]
    adata = anndata_of(section)
    about = {"slide": "toy4", "image": section.image, "mpp": 1.0, "encoder": "color"}
    assert sr.tl.predict(adata, references, method=METHOD, **about) is None
    return adata, sr.prediction_of(adata)


def test_prediction_goes_to_a_layer(annotated, toy_sections, references):
    section, (adata, prediction) = toy_sections[3], annotated
    assert (section.expression != adata.X).nnz == 0
    np.testing.assert_array_equal(adata.layers["predicted"], prediction.values_of(section.genes))
    assert record_of(adata) == {}
    assert record_of(adata, "predicted")["scale"] == "log1p_cp10k"
    assert json.loads(record_of(adata, "predicted")["origin"])["bank"] == references.fingerprint
    # What was measured must not matter.
    other = adata.copy()
    other.X = other.X * 0
    about = {"slide": "toy4", "image": section.image, "mpp": 1.0}
    again = sr.tl.predict(
        other, references, encoder="color", method=METHOD, key_added="again", copy=True, **about
    )
    found = sr.prediction_of(again, key="again")
    np.testing.assert_array_equal(found.expression, prediction.expression)
    assert "again" not in other.layers
    with pytest.raises(InputError, match="no prediction is called 'again'"):
        sr.prediction_of(other, key="again")
    with pytest.raises(InputError, match="no encoder is called"):
        sr.tl.predict(other, references, encoder="vit", **about)


def test_what_predict_leaves_is_read_as_measured(annotated, toy_sections, references, tmp_path):
    """Saved and read again: counts are counts, the layer is logarithms, scores are right."""
    section, (adata, prediction) = toy_sections[3], annotated
    adata.write_h5ad(tmp_path / "annotated.h5ad")
    read = sr.read_section(tmp_path / "annotated.h5ad", slide="toy4")
    assert read.scale == "counts"
    assert (read.expression != section.expression).nnz == 0
    panel = fix_panel(references, read.genes, n_core=20, n_global=60)
    scores = [evaluate(prediction, each, panel=panel).summary for each in (read, section)]
    assert scores[0] == scores[1]
    saved = ad.read_h5ad(tmp_path / "annotated.h5ad")
    prepared = sr.pp.prepare_domains(saved, n_genes=None, min_spots=1)
    np.testing.assert_allclose(prepared.X.sum(axis=1), 1e4, rtol=1e-4)
    assert record_of(prepared, "predicted")["scale"] == "log1p_cp10k"
    with pytest.raises(InputError, match="not a spatialrag prediction"):
        from_anndata(saved)
    # A prediction of its own stays one, whatever layers it is given.
    own = to_anndata(prediction)
    write_record(own, {"scale": "counts"}, layer="measured")
    assert from_anndata(own).record == prediction.record


def test_domains_of_a_prediction_as_it_comes(annotated):
    """The scale is read, the likelihood follows, genes with missing values are left out."""
    pytest.importorskip("torch")
    from spatialrag.training.graph import Training

    adata, own = annotated[0].copy(), to_anndata(annotated[1])
    method = sr.SemST(training=Training(epochs=1), clustering=Clustering())
    with pytest.warns(UserWarning, match=f"{(own.var['n_missing'] > 0).sum()} of .* genes"):
        sr.tl.semst(own, n_domains=2, method=method)
    assert own.obs["domain_semst"].nunique() == 2
    with pytest.warns(UserWarning, match="genes are missing"):
        sr.tl.semst(adata, n_domains=2, method=method, layer="predicted")
    sr.tl.semst(adata, n_domains=2, method=method, key_added="measured")
    records = [own.uns["semst"], adata.uns["semst"], adata.uns["measured"]]
    settings = [json.loads(each["record"])["settings"] for each in records]
    likelihoods = [each["objective"]["likelihood"] for each in settings]
    assert likelihoods == ["gaussian", "gaussian", "zinb"]


def test_domains_of_measured_and_of_predicted_expression():
    pytest.importorskip("torch")
    from spatialrag.training.graph import Training

    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    rate = np.where(xy[:, :1] < 5, 2.0, [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rate).astype(np.float32), obsm={"spatial": xy})
    adata.X[adata.X.sum(axis=1) == 0, 0] = 1
    method = sr.SemST(training=Training(epochs=20))
    found = sr.tl.semst(adata, n_domains=2, semantics="random", method=method, copy=True)
    assert "domain_semst" not in adata.obs
    assert sr.tl.semst(adata, n_domains=2, semantics="random", method=method) is None
    assert adata.obs["domain_semst"].tolist() == found.obs["domain_semst"].tolist()
    assert "spatial_connectivities" in adata.obsp
    prepared = sr.pp.prepare_domains(adata, n_genes=None)
    assert prepared.layers["counts"].shape == adata.shape
    adata.X = np.log1p(adata.X)
    adata.uns["spatialrag"] = {"scale": "log1p_cp10k"}
    sr.tl.semst(adata, n_domains=2, method=method, key_added="predicted")
    assert adata.obsm["X_predicted"].shape == adata.obsm["X_semst"].shape


def test_domains_by_name_and_by_settings():
    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    rate = np.where(xy[:, :1] < 5, [[2.0] * 20], [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rate).astype(np.float32), obsm={"spatial": xy})
    assert sr.tl.domains(adata, n_domains=2) is None
    left = adata.obs["domain_consensus"][xy[:, 0] < 5]
    assert left.value_counts(normalize=True).max() > 0.9
    assert adata.obs["domain_confidence"].between(0, 1).all()
    control = sr.tl.domains(adata, n_domains=2, method=SmoothedPCA(k=4), copy=True)
    assert "domain_domains" in control.obs
    assert "domain_domains" not in adata.obs
    assert sr.pl.domains(adata).get_title() == "consensus"
    with pytest.raises(InputError, match="unknown method"):
        sr.tl.domains(adata, n_domains=2, method="magic")
    with pytest.raises(InputError, match="no domains are called 'semst'"):
        sr.pl.domains(adata, key="semst")
