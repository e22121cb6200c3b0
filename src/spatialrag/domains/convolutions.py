"""Two graph convolutions, the branch of every network here but STAGATE."""

import torch
from torch import nn


class Convolutions(nn.Module):
    """A relu(A X W0) W1 (SemST, Eq. 3), plus A A X W with a linear path.

    Parameters
    ----------
    n_inputs, hidden, width
        Columns of X, of W0 and of W1.
    linear_path
        Whether A A X W is added, W starting as the identity and W1 at 0: what comes out then starts
        as means over neighborhoods.
    """

    def __init__(
        self, n_inputs: int, hidden: int, width: int, *, linear_path: bool = False
    ) -> None:
        """Make the weights."""
        super().__init__()
        self.first, self.second = nn.Linear(n_inputs, hidden), nn.Linear(hidden, width)
        self.linear = nn.Linear(n_inputs, width, bias=False) if linear_path else None
        if self.linear is not None:
            nn.init.eye_(self.linear.weight)
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, values: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        """Return (n, width); ``adjacency`` is sparse and normalized."""
        hidden = torch.relu(torch.sparse.mm(adjacency, self.first(values)))
        inner = self.second(hidden)
        if self.linear is not None:
            inner = inner + torch.sparse.mm(adjacency, self.linear(values))
        return torch.sparse.mm(adjacency, inner)
