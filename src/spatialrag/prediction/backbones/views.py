"""What networks read of a slide: embeddings, places, and which spots lie around each."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from spatialrag.bank.bank import Bank
from spatialrag.encoders.embeddings import Embeddings
from spatialrag.encoders.tiles import Tiles
from spatialrag.errors import InputError
from spatialrag.prediction.features import Features
from spatialrag.prediction.predictor import Queries, embedded
from spatialrag.slides.spots import spot_pitch

ADJACENT = 1.6  # pitches: the eight neighbors of a square grid, the six of a hexagonal one


@dataclass(frozen=True, eq=False)
class View:
    """One slide's spots as tensors.

    Parameters
    ----------
    vectors : (n, d) float32
        Standardized embeddings.
    places : (n, 2) float32
        x and y in spot pitches, from the slide's smallest.
    around : (n, k) int64
        The nearest other spots, nearest first.
    distance : (n, k) float32
        To them, in spot pitches; infinite where the slide has no more spots.
    tiles : (n, t, d) float32, optional
        Tiles of each spot's patch, standardized as the vectors.
    """

    vectors: torch.Tensor
    places: torch.Tensor
    around: torch.Tensor
    distance: torch.Tensor
    tiles: torch.Tensor | None = None

    @property
    def n_spots(self) -> int:
        """Number of spots."""
        return len(self.vectors)


def view_of(vectors: np.ndarray, xy: np.ndarray, *, n_around: int, device: str = "cpu") -> View:
    """Return a slide's view from standardized vectors (n, d) and pixel positions (n, 2)."""
    if not np.isfinite(xy).all():
        raise InputError(
            "spots without a position cannot be read by a network of neighbors",
            expected="x and y of every spot",
        )
    pitch = spot_pitch(xy) if len(xy) > 1 else 0.0
    places = (xy - xy.min(axis=0)) / (pitch or 1.0)
    k = min(n_around, len(xy) - 1)
    around = np.tile(np.arange(len(xy))[:, None], (1, n_around))
    distance = np.full((len(xy), n_around), np.inf)
    if k:
        found, index = cKDTree(places).query(places, k=k + 1)
        own = index == np.arange(len(xy))[:, None]
        # Of spots at one place the tree may name another first: drop one column either way.
        own[~own.any(axis=1), 0] = True
        around[:, :k] = index[~own].reshape(len(xy), k)
        distance[:, :k] = found[~own].reshape(len(xy), k)
    return View(
        torch.as_tensor(vectors, dtype=torch.float32, device=device),
        torch.as_tensor(places, dtype=torch.float32, device=device),
        torch.as_tensor(around, device=device),
        torch.as_tensor(distance, dtype=torch.float32, device=device),
    )


def views_of_bank(
    bank: Bank,
    features: Features,
    *,
    n_around: int,
    tiles: Tiles | None = None,
    device: str = "cpu",
) -> list[View]:
    """Return a view per slide of the bank, in its order."""
    bank.require_embeddings()
    slides = (bank.embeddings_of(slide) for slide in bank.slides.index)
    return [_view(each, features, n_around, tiles, device) for each in slides]


def view_of_queries(
    queries: Queries,
    bank: Bank,
    features: Features,
    *,
    n_around: int,
    tiles: Tiles | None = None,
    device: str = "cpu",
) -> View:
    """Return the view of queries, after checking that they compare with the bank's."""
    return _view(embedded(queries, bank), features, n_around, tiles, device)


def _view(
    found: Embeddings, features: Features, n_around: int, tiles: Tiles | None, device: str
) -> View:
    vectors = features.transform(found.vectors)
    view = view_of(vectors, np.asarray(found.xy, float), n_around=n_around, device=device)
    if tiles is None:
        return view
    within = tiles.of(found.slide, found.spots)
    dim = found.encoder.own_dim
    if within.shape[2] != dim:
        raise InputError(
            f"tiles of {found.slide!r} are by another encoder than its patches",
            expected=f"{dim} dimensions",
            got=str(within.shape[2]),
        )
    # A tile has its spot's surroundings, so that it lies in the same space as a patch.
    around = np.broadcast_to(
        found.vectors[:, None, dim:], (*within.shape[:2], found.vectors.shape[1] - dim)
    )
    joined = np.concatenate([within, around], axis=2)
    flat = features.transform(joined.reshape(-1, joined.shape[2]))
    tensor = torch.as_tensor(flat, dtype=torch.float32, device=device)
    return replace(view, tiles=tensor.view(*within.shape[:2], -1))
