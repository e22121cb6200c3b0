import numpy as np
import pytest

from spatialrag.prediction.ragst.composition import Composition
from spatialrag.prediction.ragst.first_stage import fit_first_stage
from spatialrag.prediction.ragst.references import (
    cell_references,
    join_references,
    spot_references,
)


@pytest.fixture(scope="module")
def stage(atlas, shares, train_bank):
    return fit_first_stage(train_bank, atlas, shares, Composition())


@pytest.fixture(scope="module")
def genes(stage, train_bank):
    return np.union1d(stage.genes, train_bank.genes)


@pytest.fixture(scope="module")
def cells(atlas, stage, genes):
    return cell_references(atlas, stage.genes, stage.platform, stage.head.types, 4).over(genes)


@pytest.fixture(scope="module")
def spots(train_bank, stage, genes):
    return spot_references(
        train_bank,
        stage.rows,
        genes,
        composition=stage.compositions,
        types=stage.head.types,
        vectors=np.ones((len(stage.rows), 4)),
        own=train_bank.references["slide"].to_numpy(str)[stage.rows],
    )


def test_cells_are_shown_as_spots_would_show_them(cells, atlas, stage, genes):
    profiles, _ = atlas.profiles(stage.genes)
    column = np.searchsorted(genes, stage.genes)
    expected = np.log1p(profiles * stage.platform.factors)
    np.testing.assert_allclose(cells.values.toarray()[:, column], expected, rtol=1e-5)
    assert set(cells.table["kind"]) == {"cell"}
    assert (cells.own == "").all()
    absent = np.setdiff1d(np.arange(len(genes)), column)
    assert not cells.measured[absent].any()


def test_type_means_and_factors(cells, stage):
    means = cells.type_means()
    alpha = (cells.table["cell_type"] == "Alpha").to_numpy()
    expected = cells.values.toarray()[alpha].mean(axis=0)
    np.testing.assert_allclose(means[0], expected, rtol=1e-5)
    factors = np.arange(len(cells.genes)) + 1.0
    np.testing.assert_allclose(cells.times(factors).type_means()[0], expected * factors, rtol=1e-4)


def test_spots_are_the_measured_expression(spots, train_bank, stage, genes):
    column = np.searchsorted(genes, train_bank.genes)
    expected = train_bank.on_scale("log1p_cp10k")[stage.rows].toarray()
    seen = train_bank.measured.T[train_bank.slide_of[stage.rows]]
    np.testing.assert_array_equal(spots.values.toarray()[:, column][seen], expected[seen])
    assert (spots.table["kind"] == "spot").all()


def test_joined_genes_of_one_side_take_its_mean(cells, spots, genes, train_bank):
    both = join_references(cells, spots)
    zero = np.searchsorted(genes, "ZERO2")
    column = both.values[:, [zero]].toarray().ravel()
    n = len(cells.table)
    np.testing.assert_allclose(column[n:], column[:n].mean(), rtol=1e-5)
    only_spots = np.searchsorted(genes, train_bank.genes[-1])
    column = both.values[:, [only_spots]].toarray().ravel()
    np.testing.assert_allclose(column[:n], column[n:].mean(), rtol=1e-4)
    assert both.measured.shape == (len(genes), 1 + len(train_bank.slides))
    assert not both.measured[zero, 1:].any()


def test_keys_tell_spots_from_cells(cells, spots):
    keys = join_references(cells, spots).keys(10)
    assert keys.shape == (len(cells.table) + len(spots.table), 10 + 3 + 1 + 4)
    assert keys[: len(cells.table), 13].sum() == 0
    assert keys[len(cells.table) :, 13].min() == 1


def test_citations_of_cells_carry_no_picture_and_of_spots_theirs(spots, cells, train_bank):
    from scipy import sparse

    both = join_references(cells, spots)
    n = len(cells.table)
    weights = sparse.csr_matrix(([0.5, 0.5], ([0, 0], [1, n + 2])), shape=(1, len(both.table)))
    cited = both.cite(weights, train_bank)
    assert cited.references["kind"].tolist() == ["cell", "spot"]
    assert (cited.thumbnails[0] == 235).all()
    row = train_bank.references.index.get_loc(cited.references.index[1])
    np.testing.assert_array_equal(cited.thumbnails[1], train_bank.thumbnails[row])
    alone = cells.cite(sparse.csr_matrix(([1.0], ([0], [0])), (1, n)), train_bank)
    assert alone.thumbnails is None
