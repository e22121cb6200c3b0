import numpy as np
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.metrics.ceiling import split_counts, split_half_per_gene


def test_halves_are_binomial_and_add_up():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(40, size=(60, 50)))
    first, second = split_counts(counts, np.random.default_rng(1))
    assert (first + second != counts).nnz == 0
    assert first.min() >= 0
    share = first.toarray() / counts.toarray()
    assert share.mean() == pytest.approx(0.5, abs=0.005)
    assert (share.std() ** 2 * 40) == pytest.approx(0.25, rel=0.1)


def test_of_poisson_counts_it_is_the_share_of_true_variance():
    """Halves have variance a²/4 + m/2 and covariance a²/4 where true rates have variance a²."""
    rng = np.random.default_rng(0)
    rates = np.stack([rng.normal(50, 10, size=20_000), np.full(20_000, 50.0)], axis=1)
    counts = sparse.csr_matrix(rng.poisson(np.maximum(rates, 0)))
    found = split_half_per_gene(counts, lambda half: half.toarray())
    np.testing.assert_allclose(found, [25 / (25 + 25), 0], atol=0.02)


def test_the_same_seed_gives_the_same():
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(3, size=(30, 4)))
    again = [split_half_per_gene(counts, lambda half: half.toarray()) for _ in range(2)]
    np.testing.assert_array_equal(*again)


@pytest.mark.parametrize("value", [0.5, -1.0])
def test_only_counts_can_be_split(value):
    with pytest.raises(InputError, match="whole counts"):
        split_counts(sparse.csr_matrix([[value]]), np.random.default_rng(0))
