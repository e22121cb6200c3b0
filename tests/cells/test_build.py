from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialrag.cells.build import cells_from_anndata, cells_from_profiles, join_cells
from spatialrag.cells.types import TypeMap, read_type_map
from spatialrag.errors import InputError


@pytest.fixture
def means(tmp_path, adata):
    path = tmp_path / "means.csv"
    values = np.arange(1, 61, dtype=float)
    pd.DataFrame({"CAFs": values, "Plasma": values[::-1]}, index=adata.var_names[:60]).to_csv(path)
    return path


def test_cells_keep_counts_types_and_donors(adata):
    bank = cells_from_anndata(adata, dataset="one", donor_column="donor")
    assert bank.n_cells == 60
    assert bank.types.tolist() == ["CAFs", "Epithelial", "T-cells"]
    assert bank.cells.index[3] == "one:c3"
    assert bank.cells["donor"].tolist()[:2] == ["d1", "d2"]
    np.testing.assert_array_equal(bank.expression.toarray(), adata.X)
    np.testing.assert_allclose(bank.cells["total_counts"], adata.X.sum(axis=1))


def test_types_are_merged_and_left_out(adata):
    kinds = TypeMap({"Epithelial": "E", "CAFs": "E", "T-cells": None})
    bank = cells_from_anndata(adata, dataset="one", type_map=kinds)
    assert bank.n_cells == 40
    assert bank.types.tolist() == ["E"]
    assert set(bank.cells["source_type"]) == {"Epithelial", "CAFs"}


def test_cells_per_type_are_drawn_with_a_seed(adata):
    first, again, other = (
        cells_from_anndata(adata, dataset="one", per_type=5, rng=seed) for seed in (1, 1, 2)
    )
    assert (first.cells["cell_type"].value_counts() == 5).all()
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_logarithms_are_refused_and_the_layer_named(adata):
    adata.layers["counts"] = adata.X.copy()
    adata.X = np.log1p(adata.X)
    with pytest.raises(InputError, match=r"(?s)no counts.*logarithms.*layer that holds"):
        cells_from_anndata(adata, dataset="one")
    assert cells_from_anndata(adata, dataset="one", layer="counts").n_cells == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type_column": "celltype"}, "no obs column 'celltype'"),
        ({"donor_column": "person"}, "no obs column 'person'"),
        ({"layer": "raw"}, "no layer 'raw'"),
        ({"type_map": TypeMap({"CAFs": "CAFs"})}, "2 labels of one"),
        (
            {"type_map": TypeMap({"CAFs": None, "Epithelial": None, "T-cells": None})},
            "no cell with counts",
        ),
    ],
)
def test_bad_requests(adata, options, message):
    with pytest.raises(InputError, match=message):
        cells_from_anndata(adata, dataset="one", **options)


def test_repeated_genes_are_listed(adata):
    adata.var_names = ["A", *adata.var_names[1:-1], "A"]
    with pytest.raises(InputError, match="duplicate gene names: A"):
        cells_from_anndata(adata, dataset="one")


def test_type_means_are_pseudo_cells(adata, means):
    bank = cells_from_profiles(means, dataset="means", only=["Plasma"])
    assert bank.pseudo.tolist() == [True]
    joined = join_cells([cells_from_anndata(adata, dataset="one"), bank])
    assert joined.pseudo.sum() == 1
    assert joined.measured[:, 1].sum() == 60
    assert joined.counts_by_type.loc["Plasma"].tolist() == [1, 0]


def test_bad_type_means(tmp_path, means):
    with pytest.raises(InputError, match="no type B"):
        cells_from_profiles(means, dataset="means", only=["B"])
    path = tmp_path / "bad.csv"
    path.write_text("gene,CAFs\nA,-1\n")
    with pytest.raises(InputError, match="not a table of type means"):
        cells_from_profiles(path, dataset="means")


def test_joining_another_species_or_the_same_twice(adata):
    first = cells_from_anndata(adata, dataset="one")
    with pytest.raises(InputError, match="given twice: one"):
        join_cells([first, first])
    adata.var_names = [f"ENSG{i}" for i in range(adata.n_vars)]
    with pytest.raises(InputError, match=r"(?s)shares 0%.*Ensembl"):
        join_cells([first, cells_from_anndata(adata, dataset="two")])


@pytest.mark.realdata
def test_breast_references(data):
    import anndata as ad

    kinds = read_type_map("breast_major")
    cells = ad.read_h5ad(data / "celltypes" / "breast_cells_562.h5ad")
    bank = join_cells(
        [
            cells_from_anndata(cells, dataset="breast", type_map=kinds),
            cells_from_profiles(
                data / "celltypes" / "wu2021_dwls_major_1695x9.csv.gz",
                dataset="wu2021",
                type_map=kinds,
                only=["B-cells", "Plasma Cells"],
            ),
        ]
    )
    assert len(bank.types) == 8
    assert (~bank.pseudo).sum() == 520


def test_cells_without_a_label_are_left_out_and_counted(adata):
    labels = adata.obs["cell_type"].astype(object).to_numpy()
    labels[:6] = [np.nan, None, "nan", "NA", "", " "]
    labels[6] = f"{labels[6]} "
    adata.obs["cell_type"] = labels
    donors = np.full(adata.n_obs, "p1", object)
    donors[-3:] = np.nan
    adata.obs["donor"] = donors
    bank = cells_from_anndata(adata, dataset="one", donor_column="donor")
    assert bank.n_cells == 54
    assert bank.types.tolist() == ["CAFs", "Epithelial", "T-cells"]
    assert set(bank.cells["donor"]) == {"p1", "one"}
    notes = bank.datasets["notes"].iloc[0]
    assert "6 of 60 cells without a label in 'cell_type' of one left out" in notes
    assert "1 labels of 'cell_type' of one trimmed" in notes
    assert "3 cells of one without a donor carry its name" in notes


@pytest.mark.parametrize("values", [[0.0, 1.0, np.nan], [0, 1, 1], ["0", "1 ", None]])
def test_numbers_of_clusters_are_types(adata, values):
    adata.obs["cluster"] = np.resize(np.array(values, object), adata.n_obs)
    bank = cells_from_anndata(adata, dataset="one", type_column="cluster")
    assert bank.types.tolist() == ["0", "1"]


def test_cells_as_cellxgene_lays_them_out(adata):
    """Counts in .raw, Ensembl ids in the index, symbols in feature_name."""
    symbols = adata.var_names.to_numpy(str)
    made = adata.copy()
    made.var = pd.DataFrame(
        {"feature_name": pd.Categorical(symbols)},
        index=[f"ENSG{i:011d}" for i in range(made.n_vars)],
    )
    made.raw = made.copy()
    made.X = np.log1p(made.X)
    with pytest.raises(
        InputError, match=r"(?s)holds no counts.*there is raw; symbols.*feature_name"
    ):
        cells_from_anndata(made, dataset="one")
    bank = cells_from_anndata(made, dataset="one", layer="raw")
    plain = cells_from_anndata(adata, dataset="one")
    assert bank.genes.tolist() == plain.genes.tolist()
    assert (bank.expression != plain.expression).nnz == 0
    ids = cells_from_anndata(made, dataset="one", layer="raw", gene_column="index")
    assert ids.genes[0] == "ENSG00000000000"


def test_notes_survive_joining_with_a_bank_without(adata):
    first = cells_from_anndata(adata, dataset="one")
    old = replace(first, datasets=first.datasets.drop(columns="notes"))
    second = cells_from_anndata(adata, dataset="two")
    assert join_cells([old, second]).datasets["notes"].tolist() == ["", ""]


def test_tables_of_means_that_are_none(means, tmp_path):
    frame = pd.read_csv(means, index_col=0)
    for changed, message in (
        (-frame, "not a table of type means"),
        (frame.astype(str).replace("7.0", "n/a"), "not numbers"),
        (frame.set_axis(["ENSG00000000003", "ENSG00000000005"], axis=1), "genes in its columns"),
        (frame.set_axis(["A"] * 60), "duplicate gene names"),
    ):
        changed.to_csv(tmp_path / "m.csv")
        with pytest.raises(InputError, match=message):
            cells_from_profiles(tmp_path / "m.csv", dataset="m")


def test_names_of_data_sets_become_keys(adata):
    for name in ("a:b", "a/b", ""):
        with pytest.raises(InputError, match="data set"):
            cells_from_anndata(adata, dataset=name)
