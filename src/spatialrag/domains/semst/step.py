"""One epoch of SemST: the loss of Eq. 14 and its gradients, in bounded memory."""

import torch
from torch import nn

from spatialrag.domains.losses import (
    correlation_reduction,
    spatial_regularization,
    zinb_loss,
)
from spatialrag.domains.semst.inputs import Inputs
from spatialrag.domains.semst.network import Network
from spatialrag.domains.semst.settings import Objective
from spatialrag.domains.tensors import dense_rows


def backward(
    network: Network, inputs: Inputs, objective: Objective, generator: torch.Generator
) -> float:
    """Add the gradients of one epoch to the parameters and return the loss.

    The branches see the whole graph at once: they are cheap. What is large is expression, spots
    times genes, so spots are decoded in chunks whose gradients with respect to the latent are
    added up before one pass back through the branches. The result is that of all spots at once.

    Parameters
    ----------
    network, inputs, objective
        What is trained, on what, and the weights of its losses.
    generator
        Generator of the spots drawn for reconstruction and of sampled pairs.
    """
    first, second = network.branches(inputs.values, inputs.space, inputs.features)
    latent = network.final(first, second, inputs.semantic)
    free = latent.detach().requires_grad_()
    reconstruction = _reconstruct(network, free, inputs, objective, generator)
    rest = objective.gamma * correlation_reduction(
        first, second, diagonal_apart=objective.correlation == "diagonal_apart"
    )
    if objective.lambda_:
        pairs = spatial_regularization(
            latent,
            inputs.edges,
            form=objective.form,
            balanced=objective.pairs == "balanced",
            n_sampled=objective.n_sampled,
            generator=generator,
        )
        rest = rest + objective.lambda_ * pairs * (len(latent) ** 2 if objective.summed else 1)
    torch.autograd.backward([rest, latent], [torch.ones_like(rest), free.grad])
    return reconstruction + float(rest.detach())


def _reconstruct(
    network: Network,
    latent: torch.Tensor,
    inputs: Inputs,
    objective: Objective,
    generator: torch.Generator,
) -> float:
    """Add gradients of the reconstruction to decoder and latent; return its value."""
    n, n_genes = inputs.target.shape
    rows = torch.arange(n)
    if objective.rows is not None and objective.rows < n:
        rows = torch.randperm(n, generator=generator, device=generator.device).cpu()
        rows = rows[: objective.rows].sort().values
    # Batch normalization needs all spots at once.
    chunk = n if network.exponential else objective.chunk
    weight = n / len(rows) if objective.summed else 1 / (len(rows) * n_genes)
    if objective.relative and not network.start:
        with torch.no_grad():
            parts = (_of_rows(network, latent, inputs, objective, p) for p in rows.split(chunk))
            network.start.fill_(weight * sum(parts))
    weight /= float(network.start) if objective.relative else 1
    total = 0.0
    for part in rows.split(chunk):
        loss = weight * _of_rows(network, latent, inputs, objective, part)
        loss.backward()
        total += float(loss.detach())
    return total


def _of_rows(
    network: Network,
    latent: torch.Tensor,
    inputs: Inputs,
    objective: Objective,
    rows: torch.Tensor,
) -> torch.Tensor:
    """Return the summed loss of some spots."""
    target = dense_rows(inputs.target, rows.numpy(), str(latent.device))
    if objective.likelihood == "gaussian":
        target = (target - inputs.center) / inputs.spread
    at = rows.to(latent.device)
    return _loss(network.decode(latent[at], inputs.totals[at]), target, objective)


def _loss(
    found: dict[str, torch.Tensor], target: torch.Tensor, objective: Objective
) -> torch.Tensor:
    if objective.likelihood == "gaussian":
        return nn.functional.mse_loss(found["mean"], target, reduction="sum")
    loss = zinb_loss(target, found["mean"], found["dispersion"], found["dropout"]).sum()
    return loss + objective.dropout_ridge * found["dropout"].square().sum()
