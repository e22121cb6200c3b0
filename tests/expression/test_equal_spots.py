import numpy as np
import pytest
from scipy import sparse

from spatialrag.expression.equal_spots import share_of_equal_spots
from spatialrag.expression.normalize import to_scale


def counts(seed, n=40, genes=120, rate=1.0):
    return sparse.csr_matrix(np.random.default_rng(seed).poisson(rate, (n, genes)).astype("f4"))


def test_spots_are_found_in_any_order_and_part(monkeypatch):
    one, other = counts(0), counts(1)
    assert share_of_equal_spots(one, one[::-1]) == 1
    assert share_of_equal_spots(one, one[5:9]) == 1
    assert share_of_equal_spots(one[5:9], one) == 1
    mixed = sparse.vstack([other[:30], one[:10]], format="csr")
    assert share_of_equal_spots(one, mixed) == pytest.approx(0.25)


def test_it_agrees_with_comparing_every_pair_of_rows():
    rng = np.random.default_rng(2)
    one, other = counts(3, n=30).toarray(), counts(4, n=25).toarray()
    other[rng.choice(25, 7, replace=False)] = one[rng.choice(30, 7, replace=False)]
    equal = (one[:, None] == other[None]).all(axis=2).any(axis=0).mean()
    found = share_of_equal_spots(sparse.csr_matrix(one), sparse.csr_matrix(other))
    assert found == pytest.approx(equal)


def test_one_count_more_is_another_spot():
    one = counts(0)
    other = one.toarray()
    other[:, 3] += 1
    assert share_of_equal_spots(one, sparse.csr_matrix(other)) == 0


@pytest.mark.parametrize("scales", [("counts", "log1p"), ("log1p", "log1p"), ("log1p", "counts")])
def test_logarithms_of_counts_are_counts(scales):
    one = counts(0, rate=30.0)
    pair = [to_scale(one, stored="counts", wanted=scale) for scale in scales]
    assert share_of_equal_spots(*pair, scales=scales) == 1
    other = to_scale(counts(1, rate=30.0), stored="counts", wanted=scales[1])
    assert share_of_equal_spots(pair[0], other, scales=scales) == 0


@pytest.mark.parametrize("scale", ["counts", "log1p", "log1p_cp10k"])
def test_normalized_spots_are_told_by_the_genes_they_express(scale):
    one, other = counts(0), counts(1)
    normalized = to_scale(one, stored="counts", wanted="log1p_cp10k")
    pair = to_scale(one, stored="counts", wanted=scale)
    assert share_of_equal_spots(pair, normalized, scales=(scale, "log1p_cp10k")) == 1
    pair = to_scale(other, stored="counts", wanted=scale)
    assert share_of_equal_spots(pair, normalized, scales=(scale, "log1p_cp10k")) == 0


def test_spots_that_tell_nothing_are_passed_over():
    few = np.zeros((6, 120), "f4")
    few[:, :19] = np.arange(1, 7)[:, None]  # 19 genes
    few = sparse.csr_matrix(few)
    assert share_of_equal_spots(few, few) == 0
    same = sparse.csr_matrix(np.tile(np.arange(60, dtype="f4"), (5, 1)))  # every spot alike
    assert share_of_equal_spots(same, same) == 0
    dense = counts(0, rate=30.0)  # every gene in every spot: normalized, nothing is left to tell
    assert share_of_equal_spots(dense, dense, scales=("log1p_cp10k", "counts")) == 0
    empty = sparse.csr_matrix((3, 120), dtype="f4")
    assert share_of_equal_spots(empty, dense) == 0


def test_stored_zeros_are_no_expression():
    one = counts(0)
    other = one.copy()
    other.data[:5] = 0
    cleared = other.copy()
    cleared.eliminate_zeros()
    scales = ("log1p_cp10k", "log1p_cp10k")
    assert share_of_equal_spots(other, cleared, scales=scales) == 1
    assert other.nnz > cleared.nnz  # what was given is as before
