"""Sparse matrices as torch tensors."""

import numpy as np
import torch
from scipy import sparse


def sparse_tensor(matrix: sparse.csr_matrix, device: str = "cpu") -> torch.Tensor:
    """Return a sparse COO float32 tensor, coalesced."""
    entries = matrix.tocoo()
    indices = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data.astype(np.float32))
    made = torch.sparse_coo_tensor(indices, values, matrix.shape, check_invariants=False)
    return made.coalesce().to(device)


def edge_index(adjacency: sparse.csr_matrix, device: str = "cpu") -> torch.Tensor:
    """Return edges as (2, n_edges) int64, in both directions when the graph is symmetric."""
    entries = adjacency.tocoo()
    return torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64)).to(device)


def dense_rows(matrix: sparse.csr_matrix, rows: np.ndarray, device: str = "cpu") -> torch.Tensor:
    """Return rows of a CSR matrix as a dense float32 tensor."""
    return torch.from_numpy(matrix[rows].toarray().astype(np.float32, copy=False)).to(device)
