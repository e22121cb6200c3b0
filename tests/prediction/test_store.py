import anndata as ad
import numpy as np
import pytest
import scanpy as sc

from spatialrag.errors import InputError
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.prediction import picture_tissue
from spatialrag.prediction.store import read_prediction, to_anndata, write_prediction


@pytest.fixture(scope="module")
def prediction(references, queries, toy_bank):
    made = GeneRAG(n_anchors=100).fit(references).predict(queries, removed=1)
    return made.with_pictures(toy_bank.only(["toy4"]).thumbnails)


def test_round_trip(prediction, tmp_path):
    again = read_prediction(write_prediction(prediction, tmp_path / "p.h5ad"))
    np.testing.assert_array_equal(again.expression, prediction.expression)
    np.testing.assert_array_equal(
        again.citations.weights.toarray(), prediction.citations.weights.toarray()
    )
    assert again.citations.references.equals(prediction.citations.references)
    assert (again.citations.expression != prediction.citations.expression).nnz == 0
    assert again.record == prediction.record
    np.testing.assert_array_equal(again.thumbnails, prediction.thumbnails)
    assert len(again.citations.removals) == len(prediction.citations.removals)
    assert again.certificate["status"].tolist() == prediction.certificate["status"].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["p.h5ad"]


def test_opens_unchanged_in_scanpy(prediction, tmp_path):
    adata = ad.read_h5ad(write_prediction(prediction, tmp_path / "p.h5ad"))
    assert adata.X.dtype == np.float32
    assert adata.obsm["spatial"].shape == (56, 2)
    complete = adata[:, adata.var["n_missing"] == 0].copy()
    sc.pp.pca(complete, n_comps=5)
    assert complete.obsm["X_pca"].shape == (56, 5)
    assert adata.uns["spatialrag"]["scale"] == "log1p_cp10k"


def test_slide_lies_where_scanpy_and_squidpy_look(prediction, toy_sections, tmp_path):
    located = toy_sections[3].located
    pictured = prediction.with_pictures(None, picture_tissue(located, longest=300))
    adata = ad.read_h5ad(write_prediction(pictured, tmp_path / "p.h5ad"))
    library = adata.uns["spatial"]["toy4"]
    hires, scale = library["images"]["hires"], library["scalefactors"]["tissue_hires_scalef"]
    assert max(hires.shape) == 300
    assert (adata.obsm["spatial"] * scale < hires.shape[1::-1]).all()
    assert library["scalefactors"]["spot_diameter_fullres"] == pytest.approx(84)
    figure = sc.pl.spatial(adata, color=adata.var_names[0], show=False)
    assert figure[0].images
    again = read_prediction(tmp_path / "p.h5ad")
    np.testing.assert_array_equal(again.tissue.pixels, pictured.tissue.pixels)


def test_methods_without_citations_are_saved_too(references, queries, tmp_path):
    mean = MeanProfile().fit(references).predict(queries)
    again = read_prediction(write_prediction(mean, tmp_path / "p.h5ad"))
    assert again.citations is None
    assert again.uncited_share == 1
    assert to_anndata(again).shape == mean.expression.shape


def test_not_a_prediction(tmp_path):
    ad.AnnData(np.ones((2, 2))).write_h5ad(tmp_path / "p.h5ad")
    with pytest.raises(InputError, match="not a spatialrag prediction"):
        read_prediction(tmp_path / "p.h5ad")
    with pytest.raises(InputError, match="does not exist"):
        read_prediction(tmp_path / "no.h5ad")
