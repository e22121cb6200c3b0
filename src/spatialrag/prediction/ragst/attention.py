"""Stage 2: attention of a patch over references; its weights are the citation.

score_hi = log(sum_t p_t tau_it / n_t) + scale <q_h, k_hi>, with p the patch's type distribution,
tau the reference's composition, n_t the references of type t, q and k of unit length per head h.
The n_retrieved references of largest mean score are kept, each head's softmax runs over these, and
the weights are the mean over heads: at least 0, sum 1. With scale 0 and all references kept, this
is proportions times type means.
"""

import numpy as np

from spatialrag.errors import MissingDependencyError

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError as error:
    raise MissingDependencyError("torch", extra="ragst", needed_for="RAG-ST's attention") from error

_LEAST = 1e-6


class ReferenceAttention(nn.Module):
    """Learned similarity of patches and references.

    Parameters
    ----------
    n_query, n_key
        Width of what is known of a patch, and of a reference.
    heads, width
        Number and width of heads.
    dropout
        Dropout of the query network, in training.
    """

    def __init__(self, n_query: int, n_key: int, *, heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.query = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(n_query, 128),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(128, heads * width),
        )
        self.key = nn.Linear(n_key, heads * width)
        self.log_scale = nn.Parameter(torch.tensor(1.0))

    def forward(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        prior: torch.Tensor,
        *,
        n_retrieved: int,
        barred: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return weights (n_queries, n_references), 0 outside the retrieved.

        Parameters
        ----------
        queries : (n_queries, n_query)
        keys : (n_references, n_key)
        prior : (n_queries, n_references)
            Log share of each reference by type alone; see `type_prior`.
        n_retrieved
            References kept per query, ties by position; all when there are not more.
        barred : (n_queries, n_references) bool
            Never retrieved.
        """
        q = self._heads(self.query(queries))
        k = self._heads(self.key(keys))
        scores = torch.einsum("qhd,nhd->qhn", q, k) * self.log_scale.exp() + prior[:, None]
        if barred is not None:
            scores = scores.masked_fill(barred[:, None], -torch.inf)
        kept = retrieve(scores.mean(dim=1), n_retrieved)
        chosen = scores.gather(2, kept[:, None].expand(-1, self.heads, -1))
        weights = torch.softmax(chosen, dim=2).mean(dim=1)
        return torch.zeros_like(prior).scatter(1, kept, weights)

    def _heads(self, values: torch.Tensor) -> torch.Tensor:
        return functional.normalize(values.view(-1, self.heads, self.width), dim=2)


def retrieve(scores: torch.Tensor, n: int) -> torch.Tensor:
    """Return positions of the n largest scores of each row, (n_queries, n); ties by position."""
    n = min(n, scores.shape[1])
    return torch.sort(scores.detach(), dim=1, descending=True, stable=True).indices[:, :n]


def type_prior(probabilities: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return log sum_t p_t tau_it / n_t, (n_queries, n_references) float32.

    Parameters
    ----------
    probabilities : (n_queries, n_types)
        Distribution over types of each patch.
    types : (n_references, n_types)
        Composition of each reference.
    """
    share = types / np.maximum(types.sum(axis=0), _LEAST)
    return np.log(probabilities @ share.T + _LEAST / len(types)).astype(np.float32)


def loss_of(predicted: torch.Tensor, truth: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Return mean squared error over the genes' variance, plus 1 - mean per-gene Pearson.

    Parameters
    ----------
    predicted, truth : (n, n_genes)
    spread
        Mean variance of a gene over the training spots.
    """
    error = functional.mse_loss(predicted, truth) / spread
    p, t = predicted - predicted.mean(dim=0), truth - truth.mean(dim=0)
    pearson = (p * t).sum(dim=0) / (p.norm(dim=0) * t.norm(dim=0) + 1e-4)
    return error + 1 - pearson.mean()
