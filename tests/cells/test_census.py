import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.cells.census import CensusQuery, cells_from_census
from spatialrag.cells.types import TypeMap
from spatialrag.errors import InputError, MissingDependencyError


@pytest.fixture(scope="module")
def counts():
    """120 cells of two data sets, two tissues and three types; the last symbol is of two genes."""
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "cell_type": np.repeat(["T cell", "fibroblast", "neuron"], 40),
            "donor_id": np.resize(["d1", "d2", "d3"], 120),
            "dataset_id": np.resize(["ds1", "ds2"], 120),
            "assay": "10x 3' v3",
            "disease": np.where(np.arange(120) % 4 < 2, "normal", "cancer"),
            "tissue_general": np.where(np.arange(120) < 110, "breast", "lung"),
            "is_primary_data": np.arange(120) % 10 != 0,
        },
        index=[f"o{i}" for i in range(120)],
    )
    symbols = [f"G{i}" for i in range(10)] + ["SAME", "SAME"]
    identifiers = [f"ENSG{i}" for i in range(12)]
    var = pd.DataFrame({"feature_name": symbols, "feature_id": identifiers}, index=identifiers)
    return ad.AnnData(sparse.csr_matrix(rng.poisson(2, (120, 12)).astype("float32")), obs, var)


@pytest.fixture(scope="module")
def uri(counts, tmp_path_factory):
    """A Census of the real layout, built with tiledbsoma."""
    pytest.importorskip("cellxgene_census", reason="needs the extra census")
    import pyarrow as pa
    import tiledbsoma
    import tiledbsoma.io

    root = str(tmp_path_factory.mktemp("census") / "census")
    with tiledbsoma.Collection.create(root) as census:
        census.add_new_collection("census_data")
        information = census.add_new_collection("census_info")
        rows = {"soma_joinid": [0], "label": ["census_build_date"], "value": ["2026-01-31"]}
        table = pa.table(rows)
        with information.add_new_dataframe(
            "summary", schema=table.schema, index_column_names=["soma_joinid"], domain=[(0, 9)]
        ) as summary:
            summary.write(table)
    written = tiledbsoma.io.from_anndata(
        f"{root}/census_data/homo_sapiens", counts, measurement_name="RNA", X_layer_name="raw"
    )
    with tiledbsoma.Collection.open(f"{root}/census_data", "w") as data:
        data.set("homo_sapiens", tiledbsoma.Experiment.open(written), use_relative_uri=True)
    return root


def test_cells_are_chosen_drawn_and_read(uri, counts):
    bank = cells_from_census(CensusQuery(("breast",), uri=uri), per_type=7)
    assert bank.counts_by_type.sum(axis=1).to_dict() == {"T cell": 7, "fibroblast": 7, "neuron": 7}
    assert bank.datasets.index.tolist() == ["ds1", "ds2"]
    assert bank.genes.tolist() == [*(f"G{i}" for i in range(10)), "SAME-ENSG10", "SAME-ENSG11"]
    assert "2026-01-31" in bank.datasets["source"].iloc[0]
    for name, cell in bank.cells.iterrows():
        row = int(cell["cell"])
        source = counts.obs.iloc[row]
        assert (source["cell_type"], source["donor_id"]) == (cell["cell_type"], cell["donor"])
        assert source["is_primary_data"]
        ours = bank.expression[bank.cells.index.get_loc(name)].toarray().ravel()
        np.testing.assert_array_equal(ours, counts.X[row].toarray().ravel())


def test_draws_repeat_with_their_seed(uri):
    query = CensusQuery(("breast",), uri=uri)
    first, again, other = (cells_from_census(query, per_type=5, rng=s) for s in (0, 0, 1))
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_disease_and_type_map(uri):
    kinds = TypeMap({"T cell": "T-cells", "fibroblast": "CAFs", "neuron": None})
    query = CensusQuery(("breast",), disease=("cancer",), uri=uri)
    bank = cells_from_census(query, per_type=1000, type_map=kinds)
    assert bank.types.tolist() == ["CAFs", "T-cells"]
    with pytest.raises(InputError, match="2 labels of the Census"):
        cells_from_census(query, per_type=5, type_map=TypeMap({"neuron": "n"}))


def test_nothing_matches_or_cannot_be_reached(uri, tmp_path):
    with pytest.raises(InputError, match=r"(?s)no cell of the Census.*breast, lung"):
        cells_from_census(CensusQuery(("liver",), uri=uri), per_type=5)
    with pytest.raises(InputError, match=r"(?s)cannot be reached.*local copy"):
        cells_from_census(CensusQuery(("liver",), uri=str(tmp_path / "none")), per_type=5)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cellxgene_census", None)
    with pytest.raises(MissingDependencyError, match="census"):
        cells_from_census(CensusQuery(("breast",)), per_type=5)


def test_query_in_the_census_words():
    query = CensusQuery(("breast", "lung"), assay=("Smart-seq2",))
    assert query.value_filter == (
        "is_primary_data == True and tissue_general in ['breast', 'lung'] "
        "and assay in ['Smart-seq2']"
    )
    with pytest.raises(InputError, match="needs a tissue"):
        CensusQuery(())
