"""What a backbone's network is: spots of a slide to genes, and how it is watched."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from spatialrag.prediction.backbones.views import View


@dataclass(frozen=True, eq=False)
class TrainingSlide:
    """A slide to train on.

    Parameters
    ----------
    view
        Its spots.
    targets : (n, n_genes)
        What they express, as the network predicts it.
    rows
        Spots that count; others are only looked at by their neighbors.
    group
        Donor or slide, left out as a whole.
    """

    view: View
    targets: torch.Tensor
    rows: torch.Tensor
    group: str


class SpotNetwork(nn.Module):
    """A network whose ``forward(view, rows)`` predicts genes of some spots of a slide.

    What it does otherwise than most networks, it overrides.
    """

    def loss(
        self,
        slide: TrainingSlide,
        rows: torch.Tensor,
        generator: torch.Generator,  # noqa: ARG002  (for networks that draw)
    ) -> torch.Tensor:
        """Return the loss of some spots of a slide: mean squared error."""
        return nn.functional.mse_loss(self(slide.view, rows), slide.targets[rows])

    def predict(self, view: View) -> torch.Tensor:
        """Return predictions (n_spots, n_genes) of a slide."""
        return self(view, torch.arange(view.n_spots, device=view.vectors.device))

    def validation_score(self, slide: TrainingSlide) -> float:
        """Return how well a held-out slide is predicted, which decides when training stops.

        The mean over genes of Pearson's r: the loss is ruled by how donors differ in level, and
        may rise from the first epoch while the predicted pattern still improves.
        """
        return mean_r(self.predict(slide.view)[slide.rows], slide.targets[slide.rows])

    def store_references(self, slides: Sequence[TrainingSlide]) -> None:
        """Keep what prediction needs of the references, as buffers; most need nothing."""


def mean_r(predicted: torch.Tensor, measured: torch.Tensor) -> float:
    """Return the mean over genes of Pearson's r over spots, (n_spots, n_genes); constants are 0."""
    x, y = predicted - predicted.mean(dim=0), measured - measured.mean(dim=0)
    norms = x.norm(dim=0) * y.norm(dim=0)
    return float(((x * y).sum(dim=0) / norms.clamp_min(1e-12)).mean())
