import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from spatialrag.domains.prepare import prepare
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.expression.h5ad import from_anndata


def adata(n=60, genes=50):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (n, genes))
    counts[:, 0] = 0
    counts[5:, 1] = 0
    counts[:, 10] = rng.poisson(np.where(np.arange(n) < 30, 0, 6))
    counts[7] = 0
    made = ad.AnnData(sparse.csr_matrix(counts.astype(np.uint8)))
    made.obs["in_tissue"] = (np.arange(n) > 2).astype(int)
    made.obs["layer"] = ["x"] * 30 + [None] * 30
    made.obsm["spatial"] = rng.normal(size=(n, 2))
    return made


def test_spots_and_genes_are_dropped_and_said():
    given = adata()
    found = prepare(given)
    assert found.shape == (56, 48)
    record = found.uns["spatialrag"]
    assert (record["spots_outside_tissue"], record["spots_without_expression"]) == (3, 1)
    assert record["genes_dropped"] == 2
    np.testing.assert_allclose(found.X.sum(axis=1), 1e4, rtol=1e-5)
    np.testing.assert_array_equal(
        found.layers["counts"].toarray(),
        given[found.obs_names, found.var_names].X.toarray(),
    )
    assert found.obs["layer"].isna().sum() == 30
    assert given.shape == (60, 50)


def test_variable_genes_are_kept():
    pytest.importorskip("skmisc")
    found = prepare(adata(), n_genes=5)
    assert found.n_vars == 5
    assert "10" in found.var_names
    np.testing.assert_allclose(found.X.sum(axis=1), 1e4, rtol=1e-5)


def test_logarithms_stay_as_they_are():
    given = adata()
    given.X = given.X.astype(np.float32).log1p()
    given.uns["spatialrag"] = {"scale": "log1p_cp10k"}
    found = prepare(given, n_genes=5)
    assert found.n_vars == 5
    assert "10" in found.var_names
    expected = given[found.obs_names, found.var_names].X
    np.testing.assert_array_equal(found.X.toarray(), expected.toarray())
    assert "counts" not in found.layers
    assert found.uns["spatialrag"]["scale"] == "log1p_cp10k"
    dense = given.copy()
    dense.X = given.X.toarray()
    dense.X[5, 20] = np.nan
    assert "20" not in prepare(dense).var_names
    assert prepare(dense).uns["spatialrag"]["genes_dropped"] == 3
    given.X = given.X * -1
    with pytest.raises(InputError, match="is not log1p_cp10k"):
        prepare(given)


def test_layer_and_bad_counts():
    given = adata()
    given.layers["raw"] = given.X.copy()
    given.X = given.X.astype(np.float32).log1p()
    assert prepare(given, layer="raw").n_obs == 56
    with pytest.raises(InputError, match=r"X of AnnData does not hold counts(.|\n)*raw"):
        prepare(given)
    with pytest.raises(InputError, match="no layer 'other'"):
        prepare(given, layer="other")
    with pytest.raises(InputError, match="nothing is left"):
        prepare(adata(), min_spots=1000)


@pytest.mark.parametrize(
    "record",
    [
        {"layers": {"predicted": {"scale": "log1p_cp10k", "slide": "s"}}},
        {"layer": "predicted", "scale": "log1p_cp10k", "slide": "s"},  # as 0.1 wrote it
    ],
)
def test_a_predicted_layer_does_not_speak_of_x(record):
    given = adata()
    given.layers["predicted"] = given.X.astype(np.float32).log1p()
    given.uns["spatialrag"] = record
    found = prepare(given)
    assert "counts" in found.layers
    np.testing.assert_allclose(found.X.sum(axis=1), 1e4, rtol=1e-5)
    assert Tissue.from_anndata(found).scale == "counts"
    assert Tissue.from_anndata(found, layer="predicted").scale == "log1p_cp10k"
    logs = prepare(given, layer="predicted")
    np.testing.assert_array_equal(
        logs.X.toarray(), given[logs.obs_names, logs.var_names].layers["predicted"].toarray()
    )
    assert Tissue.from_anndata(logs).scale == "log1p_cp10k"


def test_what_was_prepared_is_not_taken_for_counts():
    """X holds counts per 10,000 of the genes kept, beside the layer ``counts``."""
    found = prepare(adata())
    assert Tissue.from_anndata(found).scale == "counts"
    with pytest.raises(InputError, match="does not hold counts, and its scale is not stated"):
        from_anndata(found, slide="s", donor="d")
    found.uns["spatialrag"] = {"scale": "counts", "min_spots": 10}  # as 0.1 wrote it
    with pytest.raises(InputError, match="does not hold counts, and its scale is not stated"):
        from_anndata(found, slide="s", donor="d")


def test_what_was_left_out_is_said_as_well():
    with pytest.warns(UserWarning, match="left out") as said:
        found = prepare(adata())
    words = [str(each.message) for each in said]
    assert any("3 of 60 spots of AnnData outside the tissue" in each for each in words)
    assert any("1 spots without expression left out: 7" in each for each in words)
    assert len(found.uns["spatialrag"]["notes"]) == 2


def test_in_tissue_as_text_and_places_as_columns():
    given = adata()
    expected = prepare(given)
    given.obs["in_tissue"] = np.where(np.arange(60) > 2, "True", "False")
    given.obs[["x", "y"]] = given.obsm["spatial"]
    del given.obsm["spatial"]
    found = prepare(given)
    assert found.obs_names.equals(expected.obs_names)
    np.testing.assert_array_equal(found.obsm["spatial"], expected.obsm["spatial"])


def test_several_sections_are_refused_or_one_is_taken():
    given = adata()
    given.obs["library_id"] = np.repeat(["a", "b"], 30)
    with pytest.raises(InputError, match="--section library_id"):
        prepare(given)
    assert prepare(given, section_key="library_id").n_obs == 56
    assert set(prepare(given, library="b").obs["library_id"]) == {"b"}
    given.obs["part"] = ["a"] * 59 + [None]
    with pytest.raises(InputError, match="1 of 60 spots have no section"):
        prepare(given, section_key="part")


def test_missing_values_and_wrong_logarithms_are_refused():
    given = adata()
    given.X = given.X.astype(np.float32).toarray()
    given.X[20, 20] = np.nan
    with pytest.raises(InputError, match="1 values of NaN"):
        prepare(given)
    with pytest.raises(InputError, match="1 values of NaN"):
        prepare(given, scale="log1p_cp10k")  # no record of this package: nobody's prediction
    linear = adata()
    linear.X = linear.X.astype(np.float32) * 300
    with pytest.raises(InputError, match=r"logarithms of this scale end at 9\.21"):
        prepare(linear, scale="log1p_cp10k")
    given.X = None
    given.layers["counts"] = adata().X
    with pytest.raises(InputError, match=r"X of AnnData is empty(.|\n)*'counts'"):
        prepare(given)
    assert prepare(given, layer="counts").n_obs == 56


def test_counts_with_fractions_become_logarithms_and_it_is_said():
    """Corrected for ambient RNA, say; logarithms look alike but end far lower."""
    given = adata()
    given.X = given.X.astype(np.float32) * 7.5
    with pytest.warns(UserWarning, match="fractions: taken for corrected counts"):
        found = prepare(given)
    assert found.uns["spatialrag"]["scale"] == "log1p_cp10k"
    assert Tissue.from_anndata(found).scale == "log1p_cp10k"
    whole = given[found.obs_names].X.toarray()  # all genes count into a spot's depth
    expected = np.log1p(1e4 * whole / whole.sum(axis=1, keepdims=True))
    columns = given.var_names.get_indexer(found.var_names)
    np.testing.assert_allclose(found.X.toarray(), expected[:, columns], rtol=1e-5)


def test_a_layer_counts_of_the_users_is_kept():
    given = adata()
    given.layers["counts"] = given.X.astype(np.float32) * 2
    given.layers["other"] = given.X.copy()
    found = prepare(given)
    np.testing.assert_array_equal(
        found.layers["counts_given"].toarray(), 2 * found.layers["counts"].toarray()
    )
    assert "counts_given" not in prepare(given, layer="counts").layers
    assert "other" in found.layers


def test_reserved_columns_do_not_prevent_writing(tmp_path):
    """``_index``, as files converted from Seurat have it."""
    given = adata()
    given.obs["_index"] = given.obs_names
    given.raw = given.copy()
    given.raw.var["_index"] = given.raw.var_names
    found = prepare(given)
    found.write_h5ad(tmp_path / "out.h5ad")
    again = ad.read_h5ad(tmp_path / "out.h5ad")
    assert "index_" in again.obs
    assert "index_" in again.raw.var
    np.testing.assert_array_equal(again.raw.X.toarray(), given.raw[found.obs_names].X.toarray())


def test_one_gene_tells_nothing():
    with pytest.raises(InputError, match=r"two genes(.|\n)*1 genes found"):
        prepare(adata()[:, ["10"]].copy())
