import numpy as np
import pytest
import torch

from spatialrag.prediction.ragst.attention import ReferenceAttention, loss_of, retrieve, type_prior


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return ReferenceAttention(4, 5, heads=2, width=3, dropout=0.0).eval()


def tensors(seed=0, n=6, references=9):
    rng = np.random.default_rng(seed)
    made = [rng.normal(size=shape) for shape in ((n, 4), (references, 5), (n, references))]
    return [torch.tensor(each, dtype=torch.float32) for each in made]


def test_weights_are_those_of_the_written_formula(attention):
    queries, keys, prior = tensors()
    with torch.no_grad():
        ours = attention(queries, keys, prior, n_retrieved=4).numpy()
        q = attention.query(queries).reshape(6, 2, 3).numpy()
        k = attention.key(keys).reshape(9, 2, 3).numpy()
        scale = float(attention.log_scale.exp())
    q /= np.linalg.norm(q, axis=2, keepdims=True)
    k /= np.linalg.norm(k, axis=2, keepdims=True)
    for row in range(6):
        scores = np.array([scale * k[:, h] @ q[row, h] + prior[row].numpy() for h in range(2)])
        kept = np.argsort(-scores.mean(axis=0), kind="stable")[:4]
        expected = np.zeros(9)
        for h in range(2):
            soft = np.exp(scores[h, kept] - scores[h, kept].max())
            expected[kept] += soft / soft.sum() / 2
        np.testing.assert_allclose(ours[row], expected, rtol=1e-4, atol=1e-6)


def test_rows_sum_to_one_and_keep_their_number(attention):
    queries, keys, prior = tensors()
    weights = attention(queries, keys, prior, n_retrieved=4)
    np.testing.assert_allclose(weights.detach().sum(dim=1), 1, rtol=1e-5)
    assert ((weights > 0).sum(dim=1) == 4).all()
    everything = attention(queries, keys, prior, n_retrieved=100)
    assert (everything > 0).all()


def test_without_learned_similarity_it_is_proportions_times_type_means(attention):
    """The floor as a limit: scale 0, every reference kept."""
    queries, keys, _ = tensors()
    types = np.eye(3)[[0, 0, 1, 1, 1, 2, 2, 2, 2]]
    shares = np.random.default_rng(1).dirichlet(np.ones(3), size=6)
    attention.log_scale.data.fill_(-torch.inf)
    prior = torch.from_numpy(type_prior(shares, types))
    weights = attention(queries, keys, prior, n_retrieved=9).detach().numpy()
    np.testing.assert_allclose(weights @ types, shares, atol=1e-5)
    np.testing.assert_allclose(weights[:, 0], weights[:, 1], rtol=1e-5)


def test_barred_references_get_no_weight(attention):
    queries, keys, prior = tensors()
    barred = torch.zeros(6, 9, dtype=torch.bool)
    barred[:, :7] = True
    weights = attention(queries, keys, prior, n_retrieved=5, barred=barred)
    assert (weights[:, :7] == 0).all()
    np.testing.assert_allclose(weights.detach().sum(dim=1), 1, rtol=1e-5)


def test_gradients_reach_query_and_key(attention):
    queries, keys, prior = tensors()
    attention(queries, keys, prior, n_retrieved=4)[:, 0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in attention.parameters())


def test_ties_go_by_position():
    scores = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0]])
    assert retrieve(scores, 2).tolist() == [[1, 2]]


def test_prior_of_mixed_references():
    """A spot counts for its types by their shares; a type's references share its probability."""
    types = np.array([[1, 0], [1, 0], [0.5, 0.5]])
    prior = np.exp(type_prior(np.array([[0.8, 0.2]]), types))
    np.testing.assert_allclose(prior, [[0.32, 0.32, 0.16 + 0.2]], rtol=1e-4)


def test_loss_by_hand():
    truth = torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
    perfect = loss_of(truth, truth, torch.tensor(1.0))
    assert float(perfect) == pytest.approx(0, abs=1e-3)
    inverse = loss_of(-truth, truth, torch.tensor(2.0))
    squares = ((2 * truth) ** 2).mean() / 2
    assert float(inverse) == pytest.approx(float(squares) + 2, rel=1e-3)
