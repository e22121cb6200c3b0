"""How the vector of a patch is taken from a network."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

# timm's and transformers' networks: their methods are not those of every torch module.
PublishedNetwork: TypeAlias = Any


def _pooled(network: PublishedNetwork, x: torch.Tensor) -> torch.Tensor:
    return network(x)


def _tokens(network: PublishedNetwork, x: torch.Tensor) -> torch.Tensor:
    if hasattr(network, "forward_features"):
        return network.forward_features(x)
    return network(pixel_values=x).last_hidden_state


def _class(network: PublishedNetwork, x: torch.Tensor) -> torch.Tensor:
    return _tokens(network, x)[:, 0]


def _class_and_mean(network: PublishedNetwork, x: torch.Tensor) -> torch.Tensor:
    tokens = _tokens(network, x)
    # Register tokens stand between the class token and those of patches.
    return torch.cat([tokens[:, 0], tokens[:, network.num_prefix_tokens :].mean(dim=1)], dim=1)


def _block3(network: PublishedNetwork, x: torch.Tensor) -> torch.Tensor:
    (found,) = network.forward_intermediates(x, indices=[3], intermediates_only=True)
    return found.mean(dim=(2, 3))


TAKE: dict[str, Callable[[PublishedNetwork, torch.Tensor], torch.Tensor]] = {
    "pooled": _pooled,
    "class": _class,
    "class_and_mean": _class_and_mean,
    "block3": _block3,
}
