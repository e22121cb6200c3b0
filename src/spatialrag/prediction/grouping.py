"""Citations in groups: which of a spot's references look alike, so that a person can read them.

A spot cites a hundred references, of which the strongest carries a few percent. Many of them show
the same tissue. Two references are alike when their vectors are no farther apart than those of
spots that lie side by side on one slide usually are: a distance that the bank itself states. The
rule is deterministic, see docs/methods/groups.md.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from spatialrag.bank.bank import Bank
from spatialrag.prediction.citations import Citations

MOST = 5  # groups per spot
NO_GROUP = 0  # label of the citations that no group took
_NEIGHBORS = 4
_ADJACENT = 1.5  # times the distance to the nearest spot
_PAIRS = 20_000  # enough for a median, and bounds the work of large banks


def grouped(citations: Citations, bank: Bank) -> Citations:
    """Return citations with their groups; as they are where the bank cannot state a distance.

    Parameters
    ----------
    citations
        Citations of references of the bank.
    bank
        With vectors as the method compares them.
    """
    if bank.embeddings is None:
        return citations
    xy = bank.references[["x", "y"]].to_numpy(float)
    distance = neighbor_distance(bank.vectors, bank.slide_of, xy)
    if distance is None:
        return citations
    rows = bank.references.index.get_indexer(citations.references.index)
    slides = citations.references["slide"].to_numpy(str)
    groups = group(citations.weights, bank.vectors[rows], slides, distance=distance)
    return replace(citations, groups=groups)


def neighbor_distance(vectors: np.ndarray, slide_of: np.ndarray, xy: np.ndarray) -> float | None:
    """Return the median distance between vectors of adjacent spots; None without any.

    Adjacent are the four nearest spots of the same slide, unless they are farther away than 1.5
    times the slide's median distance to the nearest spot.

    Parameters
    ----------
    vectors : (n, d)
    slide_of : (n,)
        Number of each spot's slide.
    xy : (n, 2)
        Places; spots without one are left out.
    """
    located = np.isfinite(xy).all(axis=1)
    pairs = [
        _adjacent(np.flatnonzero(located & (slide_of == number)), xy)
        for number in np.unique(slide_of)
    ]
    joined = np.concatenate(pairs)
    if len(joined) == 0:
        return None
    joined = joined[np.unique(np.linspace(0, len(joined) - 1, _PAIRS).astype(int))]
    one, other = (vectors[side].astype(np.float64) for side in joined.T)
    return float(np.median(np.linalg.norm(one - other, axis=1)))


def _adjacent(spots: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Return pairs of adjacent spots of one slide, (n_pairs, 2)."""
    if len(spots) < 2:
        return np.empty((0, 2), np.int64)
    k = min(_NEIGHBORS, len(spots) - 1)
    distance, position = cKDTree(xy[spots]).query(xy[spots], k=k + 1)
    adjacent = distance[:, 1:] <= _ADJACENT * np.median(distance[:, 1])
    row, column = np.nonzero(adjacent)
    return np.column_stack([spots[row], spots[position[row, column + 1]]])


def group(
    weights: sparse.csr_matrix, vectors: np.ndarray, slides: np.ndarray, *, distance: float
) -> np.ndarray:
    """Return the group of every weight, (nnz,) int8: from 1, heaviest first, and 0 for the rest.

    Of a spot's citations, the one whose neighborhood within ``distance`` carries most absolute
    weight is taken with all of that neighborhood as the first group; then the same with those
    that are left, at most five times. Equal neighborhoods: the citation of larger weight, then
    the one whose slide carries more of the spot's weight, then the first.

    Parameters
    ----------
    weights : CSR (n_queries, n_cited)
    vectors : (n_cited, d)
    slides : (n_cited,)
        Names.
    distance
        Largest distance of vectors that are alike.
    """
    labels = np.zeros(weights.nnz, np.int8)
    _, number = np.unique(slides, return_inverse=True)
    center = vectors.mean(axis=0, dtype=np.float64) if len(vectors) else 0.0
    for start, end in zip(weights.indptr[:-1], weights.indptr[1:], strict=True):
        if start == end:
            continue
        cited = weights.indices[start:end]
        alike = _distances(vectors[cited] - center) <= distance
        labels[start:end] = _greedy(alike, np.abs(weights.data[start:end]), number[cited])
    return labels


def _distances(vectors: np.ndarray) -> np.ndarray:
    squares = np.square(vectors).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def _greedy(alike: np.ndarray, weight: np.ndarray, slides: np.ndarray) -> np.ndarray:
    share = weight / weight.sum()
    of_slide = np.bincount(slides, share)[slides]
    labels = np.zeros(len(weight), np.int8)
    for label in range(1, MOST + 1):
        free = labels == NO_GROUP
        if not free.any():
            break
        # Rounded: the order of a sum must not decide between equal neighborhoods.
        around = np.where(free, np.round(alike @ (share * free), 12), -1)
        best = np.lexsort((-of_slide, -share, -around))[0]
        labels[alike[best] & free] = label
    return labels
