import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.errors import InputError

COUNTS = np.array([[3, 0, 1], [0, 2, 2], [5, 5, 0]])


def adata(**more):
    made = ad.AnnData(sparse.csr_matrix(COUNTS.astype(np.float32)))
    made.obsm["spatial"] = np.array([[0, 0], [1, 0], [2, 0]], float)
    made.obs["batch"] = pd.Categorical(["a", "a", "b"])
    for name, value in more.items():
        made.layers[name] = value
    return made


def test_shares_and_logs_are_eq_15():
    tissue = as_tissue(adata())
    shares = COUNTS / COUNTS.sum(1, keepdims=True) * 1e4
    np.testing.assert_allclose(tissue.shares.toarray(), shares, rtol=1e-6)
    np.testing.assert_allclose(tissue.logs.toarray(), np.log1p(shares), rtol=1e-6)
    np.testing.assert_array_equal(tissue.totals, COUNTS.sum(1))
    assert as_tissue(tissue) is tissue


def test_counts_layer_is_preferred_and_others_are_named():
    given = adata(counts=COUNTS, other=COUNTS * 2)
    given.X = np.log1p(COUNTS).astype(np.float32)
    assert Tissue.from_anndata(given).totals[0] == 4
    assert Tissue.from_anndata(given, layer="other").totals[0] == 8
    logs = Tissue.from_anndata(given, scale="log1p_cp10k")
    np.testing.assert_allclose(logs.logs.toarray(), np.log1p(COUNTS), rtol=1e-6)
    with pytest.raises(InputError, match="counts are needed"):
        logs.require_counts()


def test_scale_stated_by_a_prediction_is_read():
    given = adata()
    given.X = np.log1p(COUNTS).astype(np.float32)
    given.uns["spatialrag"] = {"scale": "log1p_cp10k"}
    assert Tissue.from_anndata(given).scale == "log1p_cp10k"
    given.X[1, 0] = np.nan
    with pytest.warns(UserWarning, match="1 of 3 genes are missing"):
        found = Tissue.from_anndata(given)
    assert found.genes.tolist() == ["1", "2"]
    given.X = sparse.csr_matrix(given.X)
    with pytest.warns(UserWarning, match="1 of 3 genes are missing"):
        np.testing.assert_array_equal(
            Tissue.from_anndata(given).expression.toarray(), found.expression.toarray()
        )


@pytest.mark.parametrize(
    "record",
    [
        {"layers": {"predicted": {"scale": "log1p_cp10k"}}},
        {"layer": "predicted", "scale": "log1p_cp10k", "slide": "s"},  # as 0.1 wrote it
    ],
)
def test_a_record_is_of_its_layer(record):
    given = adata(predicted=np.log1p(COUNTS))
    given.uns["spatialrag"] = record
    assert Tissue.from_anndata(given).scale == "counts"
    found = Tissue.from_anndata(given, layer="predicted")
    assert found.scale == "log1p_cp10k"
    np.testing.assert_allclose(found.logs.toarray(), np.log1p(COUNTS), rtol=1e-6)


def visium(rows=9, columns=4):
    """A tall section: more rows than half columns, so that indices alone do not tell them."""
    row, column = np.divmod(np.arange(rows * columns), columns)
    made = ad.AnnData(np.ones((rows * columns, 3), np.float32))
    made.obs["array_row"], made.obs["array_col"] = row, 2 * column + row % 2
    return made


@pytest.mark.parametrize("order", [["array_row", "array_col"], ["array_col", "array_row"]])
def test_array_indices_are_unfolded_by_their_names(order):
    given = visium()
    given.obsm["spatial"] = given.obs[order].to_numpy() * [1, -1]
    with pytest.warns(UserWarning, match="array indices"):
        tissue = Tissue.from_anndata(given)
    distance = np.linalg.norm(tissue.xy[:, None] - tissue.xy, axis=2)
    middle = np.sort(distance[4 * 4 + 1])
    np.testing.assert_allclose(middle[1:7], 2)
    assert middle[7] > 3
    # Two sections on the same places.
    both = ad.concat([given, given], keys=["a", "b"], index_unique="-", label="sample")
    with pytest.warns(UserWarning, match="array indices"):
        found = Tissue.from_anndata(both, section_key="sample")
    np.testing.assert_array_equal(found.xy, np.tile(tissue.xy, (2, 1)))
    # Pixels beside the columns stay as they are, and so do square bins.
    given.obsm["spatial"] = np.random.default_rng(0).normal(size=(36, 2))
    np.testing.assert_array_equal(Tissue.from_anndata(given).xy, given.obsm["spatial"])
    given.obs["array_col"] = np.arange(36) % 4
    given.obsm["spatial"] = given.obs[order].to_numpy()
    np.testing.assert_array_equal(Tissue.from_anndata(given).xy, given.obsm["spatial"])


def test_sections_by_column():
    assert Tissue.from_anndata(adata(), section_key="batch").sections.tolist() == ["a", "a", "b"]
    with pytest.raises(InputError, match="no 'donor'"):
        Tissue.from_anndata(adata(), section_key="donor")


def test_what_is_refused():
    given = adata()
    given.X = np.log1p(COUNTS).astype(np.float32)
    with pytest.raises(InputError, match="does not hold counts"):
        Tissue.from_anndata(given)
    del given.obsm["spatial"]
    with pytest.raises(InputError, match="no places"):
        Tissue.from_anndata(given)
    with pytest.raises(InputError, match="no layer 'raw'"):
        Tissue.from_anndata(adata(), layer="raw")
    empty = adata()
    empty.X = sparse.csr_matrix(COUNTS * np.array([[1], [0], [1]]), dtype=np.float32)
    with pytest.raises(InputError, match="without any expression(.|\n)*1"):
        Tissue.from_anndata(empty)
    with pytest.raises(InputError, match=r"3 faults(.|\n)*unknown scale"):
        Tissue(COUNTS, ["a"], ["x", "y", "z"], np.zeros((2, 2)), scale="log2")
    with pytest.raises(InputError, match="negative"):
        Tissue(-COUNTS, list("abc"), list("xyz"), np.zeros((3, 2)))


def test_places_of_any_form_and_depth_refused():
    given = adata()
    expected = Tissue.from_anndata(given).xy
    frame = pd.DataFrame(given.obsm["spatial"], given.obs_names, ["x", "y"])
    frame.insert(0, "id", [7, 8, 9])
    given.obsm["spatial"] = frame
    np.testing.assert_array_equal(Tissue.from_anndata(given).xy, expected)
    given.obsm["spatial"] = np.column_stack([expected, [0, 5, 9]])
    with pytest.raises(InputError, match="more than two vary"):
        Tissue.from_anndata(given)
    given.obsm["spatial"] = np.column_stack([expected, [5, 5, 5]])
    np.testing.assert_array_equal(Tissue.from_anndata(given).xy, expected)


def test_a_section_without_a_name_is_refused():
    given = adata()
    given.obs["batch"] = ["a", None, "b"]
    with pytest.raises(InputError, match="1 of 3 spots have no section"):
        Tissue.from_anndata(given, section_key="batch")


def test_more_domains_than_different_spots_are_refused():
    tissue = as_tissue(adata())
    tissue.require_domains(3)
    tissue.require_domains(None)
    for number in (0, 4):
        with pytest.raises(InputError, match="1 to 3"):
            tissue.require_domains(number)
    twins = Tissue(COUNTS[[0, 0, 1]], tissue.genes, tissue.spots, tissue.xy)
    with pytest.raises(InputError, match="1 to 2"):
        twins.require_domains(3)
    stacked = Tissue(COUNTS, tissue.genes, tissue.spots, np.array([[0, 0], [0, 0], [1, 1]]))
    with pytest.raises(InputError, match="1 to 2"):
        stacked.require_domains(3)


def test_a_single_gene_is_refused():
    tissue = as_tissue(adata())
    with pytest.raises(InputError, match="1 genes"):
        Tissue(COUNTS[:, :1] + 1, tissue.genes[:1], tissue.spots, tissue.xy)
