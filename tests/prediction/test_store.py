import subprocess
import sys

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.prediction.controls import MeanProfile
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.prediction import picture_tissue
from spatialrag.prediction.store import (
    from_anndata,
    read_prediction,
    to_anndata,
    write_prediction,
)


@pytest.fixture(scope="module")
def prediction(references, queries, toy_bank):
    made = GeneRAG(n_anchors=100).fit(references).predict(queries, removed=1)
    return made.with_pictures(toy_bank.select(["toy4"]).thumbnails)


def test_round_trip(prediction, tmp_path):
    again = read_prediction(write_prediction(prediction, tmp_path / "p.h5ad"))
    np.testing.assert_array_equal(again.expression, prediction.expression)
    np.testing.assert_array_equal(
        again.citations.weights.toarray(), prediction.citations.weights.toarray()
    )
    assert again.citations.references.equals(prediction.citations.references)
    assert (again.citations.expression != prediction.citations.expression).nnz == 0
    assert again.citations.smoothing.share == prediction.citations.smoothing.share == 0.75
    there = ~prediction.missing
    summed = again.citations.sum_expression()
    np.testing.assert_array_equal(summed[there], prediction.expression[there])
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


@pytest.fixture(scope="module")
def written(prediction, tmp_path_factory):
    return write_prediction(prediction, tmp_path_factory.mktemp("written") / "p.h5ad")


def cited(adata):
    return adata.uns["spatialrag"]["cited"]


def raise_a_value(adata):
    adata.X[0, 0] += 1


def swap_spots(adata):
    adata.obs_names = [adata.obs_names[1], adata.obs_names[0], *adata.obs_names[2:]]


def swap_genes(adata):
    adata.var_names = [adata.var_names[1], adata.var_names[0], *adata.var_names[2:]]


def move(adata):
    adata.obsm["spatial"] = adata.obsm["spatial"] + 1


def certify(adata):
    adata.obs["gap"] = 0.0


def reweight(adata):
    adata.obsm["spatialrag_weights"] = sparse.csr_matrix(adata.obsm["spatialrag_weights"] * 2)


def cite_another(adata):
    table = cited(adata)["references"]
    cited(adata)["references"] = table.set_axis([*table.index[1:], table.index[0]])


def another_donor(adata):
    cited(adata)["references"]["donor"] = "nobody"


def another_measurement(adata):
    cited(adata)["expression"] = cited(adata)["expression"] * 2


def another_removal(adata):
    cited(adata)["removals"]["weight"] += 1


def another_origin(adata):
    adata.uns["spatialrag"]["origin"] = "{}"


def another_scale(adata):
    adata.uns["spatialrag"]["scale"] = "counts"


EDITS = [
    raise_a_value,
    swap_spots,
    swap_genes,
    move,
    certify,
    reweight,
    cite_another,
    another_donor,
    another_measurement,
    another_removal,
    another_origin,
    another_scale,
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_what_was_edited_is_not_explained(written, edit):
    adata = ad.read_h5ad(written)
    edit(adata)
    with pytest.raises(InputError, match="(?s)changed after it was written.*in another file"):
        from_anndata(adata)


def test_what_others_add_does_not_matter(written, prediction, tmp_path):
    adata = ad.read_h5ad(written)
    adata.obs["leiden"] = "0"
    adata.obsm["X_umap"] = np.ones((adata.n_obs, 2))
    adata.layers["log"] = np.log1p(np.maximum(adata.X, 0))
    adata.write_h5ad(tmp_path / "p.h5ad")
    again = read_prediction(tmp_path / "p.h5ad")
    assert list(again.certificate.columns) == list(prediction.certificate.columns)


@pytest.mark.parametrize("schema", [99, 0, -1])
def test_unknown_schemas(written, schema):
    adata = ad.read_h5ad(written)
    adata.uns["spatialrag"]["schema"] = schema
    with pytest.raises(InputError, match=f"(?s)newer spatialrag.*schema {schema}.*upgrade"):
        from_anndata(adata)


def test_damaged_records(written):
    def without(name):
        return lambda record: record.pop(name)

    def instead(name, value):
        return lambda record: record.update({name: value})

    for change in (
        without("scale"),
        without("slide"),
        without("uncited_share"),
        instead("schema", "x"),
        instead("origin", "no json"),
        instead("origin", "[" * 100_000),
        instead("uncited_share", "much"),
        instead("cited", {}),
        instead("cited", 3),
        instead("certificate", np.array(["absent"], object)),
    ):
        adata = ad.read_h5ad(written)
        change(adata.uns["spatialrag"])
        with pytest.raises(InputError, match="damaged or was edited|changed after"):
            from_anndata(adata)


def test_predictions_of_the_first_release_have_no_seal(written, prediction):
    adata = ad.read_h5ad(written)
    del adata.uns["spatialrag"]["seal"], adata.uns["spatialrag"]["certificate"]
    again = from_anndata(adata)
    assert set(again.certificate.columns) == set(prediction.certificate.columns)


def test_truncated_and_other_files(written, tmp_path):
    whole = written.read_bytes()
    for i, content in enumerate((b"", b"text", whole[:100], whole[: len(whole) // 2])):
        path = tmp_path / f"{i}.h5ad"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"(?s)\.h5ad is not a prediction.*predict again"):
            read_prediction(path)


def test_a_killed_write_leaves_nothing_for_long(written, tmp_path):
    path = tmp_path / "p.h5ad"
    code = (
        "import os, sys\nfrom spatialrag import replace\n"
        "from spatialrag.prediction.store import read_prediction, write_prediction\n"
        "replace._flush = lambda file: os.kill(os.getpid(), 9)\n"
        "write_prediction(read_prediction(sys.argv[1]), sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(written), str(path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert not path.exists()
    write_prediction(read_prediction(written), path)
    assert [file.name for file in tmp_path.iterdir()] == ["p.h5ad"]


def test_it_cannot_be_written(prediction, tmp_path):
    (tmp_path / "p.h5ad").mkdir()
    with pytest.raises(InputError, match="(?s)cannot be written.*a folder of this name"):
        write_prediction(prediction, tmp_path / "p.h5ad")
