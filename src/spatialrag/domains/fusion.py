"""Ways to bring semantic vectors into a latent space; FSM is SemST's (Eqs. 7-9).

Each is a module called as ``fusion(latent, semantic)`` that returns latent vectors of the same
width, and each starts as the identity unless ``identity`` is off.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import nn

from spatialrag.errors import InputError, check_choice

_TOKENS = 8  # pieces a semantic vector is cut into for cross-attention


@runtime_checkable
class Modulation(Protocol):
    """A fusion that scales and shifts the latent by coefficients of each spot."""

    def coefficients(self, semantic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and beta, (n, width) each, of semantic vectors (n, semantic_dim)."""
        ...


class FSM(nn.Module):
    """Scale and shift every latent dimension by what a spot's genes mean.

    (1 + alpha) * z + beta, with [alpha | beta] = MLP(h): one network for both, as the paper has it.

    Parameters
    ----------
    semantic_dim
        d', length of the semantic vectors h.
    width
        d, length of the latent vectors z.
    hidden
        Width of the MLP's hidden layer.
    identity
        Whether the last layer starts at 0, so that modulation starts as the identity.

    Examples
    --------
    >>> import torch
    >>> FSM(8, 4)(torch.zeros(5, 4), torch.ones(5, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, semantic_dim: int, width: int, *, hidden: int = 64, identity: bool = True
    ) -> None:
        """Make the MLP."""
        super().__init__()
        _require_widths(semantic_dim, width, hidden)
        self.mlp = _mlp(semantic_dim, hidden, 2 * width, zero=identity)

    def coefficients(self, semantic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and beta, (n, width) each, of semantic vectors (n, semantic_dim)."""
        alpha, beta = self.mlp(semantic).chunk(2, dim=1)
        return alpha, beta

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return modulated latent vectors, (n, width)."""
        alpha, beta = self.coefficients(semantic)
        return (1 + alpha) * latent + beta


class SeparateFSM(nn.Module):
    """FSM with one network for alpha and another for beta; parameters as `FSM`'s."""

    def __init__(
        self, semantic_dim: int, width: int, *, hidden: int = 64, identity: bool = True
    ) -> None:
        """Make both MLPs."""
        super().__init__()
        _require_widths(semantic_dim, width, hidden)
        self.scale = _mlp(semantic_dim, hidden, width, zero=identity)
        self.shift = _mlp(semantic_dim, hidden, width, zero=identity)

    def coefficients(self, semantic: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return alpha and beta, (n, width) each, of semantic vectors (n, semantic_dim)."""
        return self.scale(semantic), self.shift(semantic)

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return modulated latent vectors, (n, width)."""
        alpha, beta = self.coefficients(semantic)
        return (1 + alpha) * latent + beta


class Addition(nn.Module):
    """z + MLP(h); parameters as `FSM`'s.

    Examples
    --------
    >>> Addition(8, 4)(torch.zeros(5, 4), torch.ones(5, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, semantic_dim: int, width: int, *, hidden: int = 64, identity: bool = True
    ) -> None:
        """Make the MLP."""
        super().__init__()
        _require_widths(semantic_dim, width, hidden)
        self.mlp = _mlp(semantic_dim, hidden, width, zero=identity)

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return shifted latent vectors, (n, width)."""
        return latent + self.mlp(semantic)


class Concatenation(nn.Module):
    """W [z | MLP(h)]; parameters as `FSM`'s.

    Examples
    --------
    >>> Concatenation(8, 4)(torch.zeros(5, 4), torch.ones(5, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, semantic_dim: int, width: int, *, hidden: int = 64, identity: bool = True
    ) -> None:
        """Make the MLP and W."""
        super().__init__()
        _require_widths(semantic_dim, width, hidden)
        self.mlp = _mlp(semantic_dim, hidden, width, zero=False)
        self.join = nn.Linear(2 * width, width, bias=False)
        if identity:
            with torch.no_grad():
                self.join.weight.copy_(torch.eye(width, 2 * width))

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return latent vectors made of both, (n, width)."""
        return self.join(torch.cat([latent, self.mlp(semantic)], dim=1))


class CrossAttention(nn.Module):
    """z + attention of z over 8 pieces of h; parameters as `FSM`'s.

    SemST compares with cross-attention without saying over what. One vector per spot would be
    attended to with weight 1 whatever z is, so h is cut into pieces, each a key and a value.

    Examples
    --------
    >>> CrossAttention(8, 4)(torch.zeros(5, 4), torch.ones(5, 8)).shape
    torch.Size([5, 4])
    """

    def __init__(
        self, semantic_dim: int, width: int, *, hidden: int = 64, identity: bool = True
    ) -> None:
        """Make queries, keys, values and the output."""
        super().__init__()
        _require_widths(semantic_dim, width, hidden)
        self.query = nn.Linear(width, hidden)
        self.keys = nn.Linear(semantic_dim, _TOKENS * hidden)
        self.values = nn.Linear(semantic_dim, _TOKENS * hidden)
        self.out = nn.Linear(hidden, width)
        if identity:
            _zero(self.out)

    def forward(self, latent: torch.Tensor, semantic: torch.Tensor) -> torch.Tensor:
        """Return latent vectors with what they attended to added, (n, width)."""
        query = self.query(latent)[:, None]
        keys, values = (
            part(semantic).view(len(semantic), _TOKENS, -1) for part in (self.keys, self.values)
        )
        attended = nn.functional.scaled_dot_product_attention(query, keys, values)[:, 0]
        return latent + self.out(attended)


FUSIONS: dict[str, type[nn.Module]] = {
    "fsm": FSM,
    "separate": SeparateFSM,
    "add": Addition,
    "concat": Concatenation,
    "cross_attention": CrossAttention,
}


def make_fusion(name: str, semantic_dim: int, width: int, *, identity: bool = True) -> nn.Module:
    """Return a new fusion of that name.

    Raises
    ------
    InputError
        The name is none of `FUSIONS`, or a width is below 1.
    """
    check_choice(name, FUSIONS, name="fusion")
    return FUSIONS[name](semantic_dim, width, identity=identity)


def _mlp(n_inputs: int, hidden: int, n_outputs: int, *, zero: bool) -> nn.Sequential:
    first, last = nn.Linear(n_inputs, hidden), nn.Linear(hidden, n_outputs)
    if zero:
        _zero(last)
    return nn.Sequential(first, nn.ReLU(), last)


def _zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def _require_widths(semantic_dim: int, width: int, hidden: int) -> None:
    if min(semantic_dim, width, hidden) < 1:
        raise InputError(
            "the widths of a fusion must be at least 1",
            got=f"semantic_dim {semantic_dim}, width {width}, hidden {hidden}",
        )
