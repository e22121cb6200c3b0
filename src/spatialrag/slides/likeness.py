"""Whether two pictures show the same piece of tissue on the same glass: copies, not neighbors."""

import numpy as np

from spatialrag.slides.keypoints import Keypoints

LIKE = 0.16  # copies reach 0.4 and more, serial sections 0.09: docs/guide/copies.md
_RATIO = 0.85  # a match is this much nearer than the second nearest (Lowe's test)
_SCALES = (0.4, 2.5)  # of one picture over the other, both on their small looks
_APART = 20.0  # pixels between two matches that place one picture on the other
_TOLERANCE = 4.0  # pixels
_TRIED = 2_000  # pairs of matches
_FEWEST = 50  # keypoints that the score is a share of, at the least


def likeness(one: Keypoints, other: Keypoints) -> float:
    """Return the share of keypoints that two pictures have in common, 0 to 1.

    Descriptors are matched (mutual nearest neighbors that pass Lowe's ratio test), once as they are
    and once mirrored. One picture is laid on the other by the similarity transform (turn, scale,
    shift) under which most matches fall together, and these are divided by the keypoints in the
    common area, of the picture that has fewer there. Copies agree in texture everywhere; serial
    sections agree in outline and layers, which keypoints do not see.

    Parameters
    ----------
    one, other
        Keypoints of either picture.

    Returns
    -------
    float
        `LIKE` and more for copies.
    """
    return max(_share(one, other), _share(one.mirrored(), other))


def _share(one: Keypoints, other: Keypoints) -> float:
    matches = _match(one.descriptors, other.descriptors)
    start, end = (_complex(part.xy[rows]) for part, rows in zip((one, other), matches, strict=True))
    transform = _lay(start, end)
    if transform is None:
        return 0.0
    together = _distance(transform, start, end) < _TOLERANCE
    scale, shift = transform
    within = [
        _count_within(scale * _complex(one.xy) + shift, other.size),
        _count_within((_complex(other.xy) - shift) / scale, one.size),
    ]
    return float(together.sum() / max(_FEWEST, min(within), together.sum()))


def _match(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of descriptors that belong together."""
    if min(len(one), len(other)) < 2:
        return np.empty(0, int), np.empty(0, int)
    lengths = [np.linalg.norm(part, axis=1, keepdims=True) + 1e-6 for part in (one, other)]
    cosine = (one / lengths[0]) @ (other / lengths[1]).T
    distance = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    nearest, back = distance.argmin(axis=1), distance.argmin(axis=0)
    rows = np.flatnonzero(back[nearest] == np.arange(len(one)))
    found = distance[rows, nearest[rows]]
    second = np.minimum(
        np.partition(distance, 1, axis=1)[rows, 1],
        np.partition(distance, 1, axis=0)[1, nearest[rows]],
    )
    rows = rows[found < _RATIO * second]
    return rows, nearest[rows]


def _lay(start: np.ndarray, end: np.ndarray) -> tuple[complex, complex] | None:
    """Return the similarity ``end = scale * start + shift`` of most matches, on complex numbers."""
    first, second = np.triu_indices(len(start), 1)
    apart = np.abs(start[first] - start[second]) > _APART
    first, second = first[apart], second[apart]
    scale = (end[first] - end[second]) / (start[first] - start[second])
    allowed = (np.abs(scale) > _SCALES[0]) & (np.abs(scale) < _SCALES[1])
    tried = np.flatnonzero(allowed)
    if not len(tried):
        return None
    tried = tried[np.linspace(0, len(tried) - 1, min(_TRIED, len(tried))).astype(int)]
    scales, shifts = scale[tried], end[first[tried]] - scale[tried] * start[first[tried]]
    close = _distance((scales[:, None], shifts[:, None]), start, end) < _TOLERANCE
    together = close[close.sum(axis=1).argmax()]
    transform = _fit(start[together], end[together])
    for _ in range(2):  # with all that fall together, others do as well
        closer = _distance(transform, start, end) < _TOLERANCE
        if closer.sum() < together.sum():
            break
        together, transform = closer, _fit(start[closer], end[closer])
    return transform


def _distance(
    transform: tuple[complex | np.ndarray, complex | np.ndarray], start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Return how far matches fall apart, pixels between the scales of the two pictures."""
    scale, shift = transform
    return np.abs(scale * start + shift - end) / np.sqrt(np.abs(scale))


def _fit(start: np.ndarray, end: np.ndarray) -> tuple[complex, complex]:
    """Return the similarity of least squares."""
    centred = start - start.mean()
    scale = ((end - end.mean()) * centred.conj()).sum() / (np.abs(centred) ** 2).sum()
    return scale, end.mean() - scale * start.mean()


def _complex(xy: np.ndarray) -> np.ndarray:
    return xy[:, 0] + 1j * xy[:, 1]


def _count_within(places: np.ndarray, size: tuple[int, int]) -> int:
    """Return how many places lie on a picture."""
    inside = (places.real >= 0) & (places.real < size[0])
    return int((inside & (places.imag >= 0) & (places.imag < size[1])).sum())
