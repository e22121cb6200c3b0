import numpy as np
import pandas as pd
import pytest

from spatialrag.cells.build import cells_from_anndata, cells_from_profiles, join_cells
from spatialrag.errors import InputError


@pytest.fixture
def bank(adata):
    return cells_from_anndata(adata, dataset="one")


def test_profiles_are_counts_per_ten_thousand(bank, adata):
    genes = np.array(["G003", "absent", "G001"])
    values, measured = bank.profiles(genes)
    expected = adata[:, ["G003", "G001"]].X / adata.X.sum(axis=1, keepdims=True) * 1e4
    np.testing.assert_allclose(values[:, [0, 2]], expected, rtol=1e-5)
    assert (values[:, 1] == 0).all()
    assert measured[0].tolist() == [True, False, True]


def test_type_means_are_the_means_of_profiles(bank, adata):
    joined = join_cells([bank, cells_from_anndata(adata[:30, :50].copy(), dataset="two")])
    genes = np.append(joined.genes[::-1], "absent")
    values, measured = joined.profiles(genes)
    means, seen = joined.type_means(genes, ["T-cells", "Epithelial", "none"])
    rows = (joined.cells["cell_type"] == "Epithelial").to_numpy()
    np.testing.assert_array_equal(seen[1], measured[rows].sum(axis=0))
    expected = values[rows].sum(axis=0) / np.maximum(seen[1], 1)
    np.testing.assert_allclose(means[1], expected, rtol=1e-5)
    assert (seen[2] == 0).all()
    assert (means[:, -1] == 0).all()


def test_type_means_are_brought_to_the_depth_of_their_type(bank, adata, tmp_path):
    """A tenfold copy of a type's mean over some genes ends at that type's own mean."""
    path = tmp_path / "means.csv"
    values, _ = bank.profiles(bank.genes)
    mean = values[(bank.cells["cell_type"] == "CAFs").to_numpy()].mean(axis=0)
    pd.DataFrame({"CAFs": mean[:40] * 10}, index=bank.genes[:40]).to_csv(path)
    joined = join_cells([bank, cells_from_profiles(path, dataset="means")])
    found, measured = joined.profiles(bank.genes)
    np.testing.assert_allclose(found[-1, :40], mean[:40], rtol=1e-5)
    assert measured[-1].sum() == 40
    np.testing.assert_array_equal(found[:-1], values)


def test_type_means_of_types_without_cells_take_the_mean_depth(bank, tmp_path):
    path = tmp_path / "means.csv"
    pd.DataFrame({"Plasma": np.ones(90)}, index=bank.genes).to_csv(path)
    joined = join_cells([bank, cells_from_profiles(path, dataset="means")])
    found, _ = joined.profiles(bank.genes)
    np.testing.assert_allclose(found[-1].sum(), 1e4, rtol=1e-5)


def test_type_means_alone(tmp_path):
    path = tmp_path / "means.csv"
    pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 2.0]}, index=["A", "B"]).to_csv(path)
    values, _ = cells_from_profiles(path, dataset="means").profiles(np.array(["A", "B"]))
    np.testing.assert_allclose(values, [[2500, 7500], [5000, 5000]])


def test_removing_a_data_set_leaves_the_other_as_it_was(bank, adata):
    other = cells_from_anndata(adata[:, :50].copy(), dataset="two")
    joined = join_cells([bank, other])
    assert joined.without(["two"]).fingerprint == bank.fingerprint
    rest = joined.without(["one"])
    assert rest.fingerprint == other.fingerprint
    assert rest.genes.tolist() == other.genes.tolist()
    with pytest.raises(InputError, match="not in the single-cell bank: three"):
        joined.without(["three"])
    with pytest.raises(InputError, match="no data set would be left"):
        joined.without(["one", "two"])


def test_one_hot(bank):
    member = bank.one_hot(["T-cells", "CAFs"])
    assert member.sum(axis=0).tolist() == [20, 20]
    assert member[:20].sum() == 0
