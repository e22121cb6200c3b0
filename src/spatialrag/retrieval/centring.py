"""Embeddings less their own slide's mean: what staining and scanning add to all spots alike.

A slide's mean vector holds its stain, its scanner and what tissue it is; only the last is worth
anything, and the first two move every spot together. Centring takes a share of that mean away, of
the query's slide as of the references'. Of the query nothing but its embeddings and places is used.

A query of few spots, or of one corner of a slide, does not know its slide's mean: n neighboring
spots of a slide lie ``drift(n)`` from it on average (squared, in units of the variance within
slides), while slides lie ``between`` from each other. As in every normal model with known
variances, the best estimate of the slide's mean is then the query's own, shrunk towards the bank's
by between / (between + drift(n)). Both numbers are measured on the references.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# Of a bank of one slide, which cannot tell: three cohorts and three encoders have .04 to .35.
BETWEEN = 0.15
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_STARTS = 50  # neighborhoods per slide and size


@dataclass(frozen=True, eq=False)
class Centre:
    """Means of the references' slides, and how far a query's own mean is to be trusted.

    Parameters
    ----------
    share
        How much of a slide's mean is taken away, in [0, 1].
    mean : (dim,)
        Mean of the slides' means: a slide counts once, whatever its spots.
    between
        Variance of slides' means over that within slides, mean over dimensions.
    sizes, drift : (k,)
        Numbers of neighboring spots, and the mean squared distance of their mean from their
        slide's, in the same units; 0 from the size of the largest slide on.
    """

    share: float
    mean: np.ndarray
    between: float
    sizes: np.ndarray
    drift: np.ndarray

    def trust(self, n_spots: int) -> float:
        """Return the weight of a query's own mean, in [0, 1]; the rest is the bank's mean."""
        drift = np.interp(np.log(max(n_spots, 1)), np.log(self.sizes), self.drift)
        return 1.0 if drift <= 0 else float(self.between / (self.between + drift))

    def of_query(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vectors of one query slide (n_spots, dim), centred, float32."""
        trust = self.trust(len(vectors))
        center = trust * vectors.mean(axis=0, dtype=np.float64) + (1 - trust) * self.mean
        return np.asarray(vectors - self.share * center, np.float32)


def fit_centre(
    vectors: np.ndarray, slide_of: np.ndarray, xy: np.ndarray, *, share: float
) -> Centre:
    """Return what is known of the slides' means.

    Parameters
    ----------
    vectors : (n, dim)
        Vectors of the references.
    slide_of : (n,)
        Position of each one's slide, from 0 on; every slide has a reference.
    xy : (n, 2)
        Places within the slides; NaN where unknown: its spots are then taken as independent.
    share
        In [0, 1].
    """
    n_slides = int(slide_of.max()) + 1
    means = slide_means(vectors, slide_of)
    spread = np.sqrt(np.mean(np.square(vectors - means[slide_of], dtype=np.float64), axis=0))
    varies = spread > 1e-6 * (1 + np.abs(means).max(axis=0))
    scaled = means[:, varies] / spread[varies]
    between = BETWEEN
    if n_slides > 1 and varies.any():
        between = float(scaled.var(axis=0, ddof=1).mean())
    largest = int(np.bincount(slide_of).max())
    sizes = np.array([n for n in _SIZES if n < largest] + [largest])
    drift = np.zeros(len(sizes))
    for slide in range(n_slides if varies.any() else 0):
        rows = slide_of == slide
        z = vectors[rows][:, varies] / spread[varies] - scaled[slide]
        drift += [_drift(z, xy[rows], n) / n_slides for n in sizes]
    return Centre(share, means.mean(axis=0), between, sizes, drift)


def slide_means(vectors: np.ndarray, slide_of: np.ndarray) -> np.ndarray:
    """Return the mean vector of each slide, (n_slides, dim) float64."""
    slides = range(int(slide_of.max()) + 1)
    return np.array([vectors[slide_of == s].mean(axis=0, dtype=np.float64) for s in slides])


def centre_references(vectors: np.ndarray, slide_of: np.ndarray, *, share: float) -> np.ndarray:
    """Return the references' vectors less a share of their own slide's mean, float32."""
    means = slide_means(vectors, slide_of)
    return np.asarray(vectors - share * means[slide_of], np.float32)


def _drift(z: np.ndarray, xy: np.ndarray, n: int) -> float:
    """Return how far means of n neighboring spots lie from 0, the slide's mean, squared."""
    if n >= len(z):
        return 0.0
    if not np.isfinite(xy).all():
        return float(np.square(z).mean() / n * (1 - n / len(z)))
    starts = xy[:: -(-len(xy) // _STARTS)]
    near = cKDTree(xy).query(starts, k=n)[1].reshape(len(starts), n)
    return float(np.mean([np.square(z[rows].mean(axis=0)).mean() for rows in near]))
