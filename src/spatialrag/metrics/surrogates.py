"""Random maps as smooth as a predicted one: what smoothness alone scores.

Predicted maps are smooth, and so are many measured ones: two smooth maps that know nothing of each
other correlate far more than independent spots would. Surrogates of a map keep its variogram (how
unlike two spots are, against their distance) and nothing else: its values are permuted, averaged
over neighbors and mixed with noise, so that the variogram is the map's own again (Viladomat,
Mazumder, McInturff, McCauley, Hastie 2014, Biometrics 70, 409-418). Three things differ from the
paper. The variogram that a permuted map has after averaging is known in expectation (its variance
times a property of the kernel), so scale and mixture are chosen once per map, without simulation.
The mixture has no negative part. Distances, kernels, permutations and noise are shared between
genes: one surrogate is a whole prediction, and genes stay as alike as they are.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial.distance import pdist, squareform

from spatialrag.errors import InputError
from spatialrag.metrics.expression import centered, is_constant
from spatialrag.metrics.variogram import Kernel, kernels_of, mix, pairs_by_distance, variogram

FEWEST_SPOTS = 10
N_SURROGATES = 200
_MOST_SPOTS = 2000


@dataclass(frozen=True, eq=False)
class Mixture:
    """How the surrogates of some maps are made: sqrt(averaged) · kernel + sqrt(noise) · noise.

    Parameters
    ----------
    kernel : (n_maps,)
        Position of the kernel.
    averaged, noise : (n_maps,)
        Shares of the variance, at least 0.
    """

    kernel: np.ndarray
    averaged: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True, eq=False)
class Surrogates:
    """What the surrogates of all maps of one slide share; made by `surrogates_of`.

    Parameters
    ----------
    n_spots
        All spots of the slide.
    spots : (n_used,)
        Positions of those that are used.
    bins
        CSR (n_used, n_used) 0/1, symmetric: the pairs of spots of each distance.
    kernels
        From narrow to wide.
    permutations : (n_surrogates, n_used)
    noise : (n_surrogates, n_used)
        float32, mean 0.
    """

    n_spots: int
    spots: np.ndarray
    bins: list[sparse.csr_matrix]
    kernels: list[Kernel]
    permutations: np.ndarray
    noise: np.ndarray

    def maps(self, values: np.ndarray) -> np.ndarray:
        """Return the surrogates of one map, (n_surrogates, n_used).

        Parameters
        ----------
        values : (n_spots,)
            Values of all spots; a constant map is its own surrogate.
        """
        used = self._used(np.asarray(values)[:, None])
        mixed = self._mixed(_standardized(used)) if not is_constant(used)[0] else 0
        return used.mean() + used.std() * mixed + np.zeros(self.noise.shape)

    def _mixed(self, z: np.ndarray) -> np.ndarray:
        """Return the surrogates of one standardized map (n_used, 1)."""
        found = self.mixture(z)
        averaged = z[:, 0][self.permutations] @ self.kernels[found.kernel[0]].weights.T
        return np.sqrt(found.averaged[0]) * averaged + np.sqrt(found.noise[0]) * self.noise

    def _used(self, values: np.ndarray) -> np.ndarray:
        if len(values) != self.n_spots:
            raise InputError(
                "maps and places do not match",
                expected=f"values of {self.n_spots} spots",
                got=str(len(values)),
            )
        return np.asarray(values, np.float64)[self.spots]

    def mixture(self, maps: np.ndarray) -> Mixture:
        """Return the kernel and mixture whose expected variogram is nearest to each map's.

        Least squares over the bins.

        Parameters
        ----------
        maps : (n_used, n_maps)
            Mean 0, variance 1.
        """
        empirical = variogram(maps, self.bins)
        found = Mixture(*(np.zeros(maps.shape[1], kind) for kind in (int, float, float)))
        least = np.full(maps.shape[1], np.inf)
        for position, kernel in enumerate(self.kernels):
            averaged, noise = mix(kernel.variogram, empirical)
            fitted = kernel.variogram[:, None] * averaged + noise
            loss = ((empirical - fitted) ** 2).sum(axis=0)
            better = loss < least
            least[better] = loss[better]
            found.kernel[better] = position
            found.averaged[better], found.noise[better] = averaged[better], noise[better]
        return found

    def correlations(self, predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Return Pearson's r of each gene's surrogates with its measured map.

        Parameters
        ----------
        predicted, measured : (n_spots, n_genes)
            Predicted and measured maps of all spots, without missing values.

        Returns
        -------
        (n_surrogates, n_genes)
            float32; 0 for genes whose prediction or truth is constant.
        """
        x, y = self._used(predicted), self._used(measured)
        r = np.zeros((len(self.noise), x.shape[1]), np.float32)
        varies = np.flatnonzero(~is_constant(x) & ~is_constant(y))
        if len(varies) == 0:
            return r
        x, y = (_standardized(values[:, varies]) for values in (x, y))
        # Genes may share one map, moved and scaled (one number per spot): so do its surrogates.
        alike = x[:, 0] @ x > (1 - 1e-6) * len(x)
        shared = _standardized(self._mixed(x[:, :1]).T)
        r[:, varies[alike]] = shared.T @ y[:, alike] / len(x)
        found = self.mixture(x)
        for position in np.unique(found.kernel[~alike]):
            genes = np.flatnonzero((found.kernel == position) & ~alike)
            r[:, varies[genes]] = self._correlations(
                x[:, genes],
                y[:, genes],
                self.kernels[position],
                *np.sqrt([found.averaged[genes], found.noise[genes]]).astype(np.float32),
            )
        return r

    def _correlations(
        self, x: np.ndarray, y: np.ndarray, kernel: Kernel, averaged: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        """Return the correlations of genes that share a kernel, from products alone.

        The length of an averaged map is followed in the kernel's leading directions; the many
        others add what they add on average.
        """
        n = len(x)
        back = kernel.weights.T @ y  # y · (kernel x permuted) = back · (x permuted)
        with_noise = self.noise @ y
        inverse = np.argsort(self.permutations, axis=1)
        outer = self.noise @ kernel.outer
        lengths = np.einsum("bi,bi->b", self.noise, self.noise)
        r = np.empty((len(self.noise), x.shape[1]), np.float32)
        for b, order in enumerate(self.permutations):
            leading = kernel.inner[:, inverse[b]] @ x
            length = np.einsum("rg,rg->g", leading, leading) + n * kernel.rest
            square = averaged**2 * length + noise**2 * lengths[b]
            square += 2 * averaged * noise * (outer[b] @ leading)
            product = averaged * np.einsum("ig,ig->g", back, x[order]) + noise * with_noise[b]
            r[b] = product / np.sqrt(np.maximum(n * square, np.finfo(np.float32).tiny))
        return np.clip(r, -1, 1)


def surrogates_of(xy: np.ndarray, *, n: int = N_SURROGATES, seed: int = 0) -> Surrogates:
    """Return what the surrogates of all maps of one slide share.

    Parameters
    ----------
    xy : (n_spots, 2)
        Places. Above 2,000 spots, so many are drawn and used alone.
    n
        How many surrogates of each map.
    seed
        Seed of permutations and noise, and of the spots that are drawn.

    Raises
    ------
    InputError
        Fewer than 10 spots, or places that are missing or all the same.
    """
    xy = np.asarray(xy, np.float64)
    if len(xy) < FEWEST_SPOTS or not np.isfinite(xy).all() or (xy == xy[0]).all():
        raise InputError(
            "smooth maps cannot be drawn on these spots",
            expected=f"at least {FEWEST_SPOTS} spots at different known places",
            got=f"{len(xy)} spots at {len(np.unique(xy, axis=0))} places",
        )
    rng = np.random.default_rng(seed)
    spots = np.arange(len(xy))
    if len(xy) > _MOST_SPOTS:
        spots = np.sort(rng.choice(spots, _MOST_SPOTS, replace=False))
    distance = squareform(pdist(xy[spots]))
    bins = pairs_by_distance(distance, rng)
    permutations = np.array([rng.permutation(len(spots)) for _ in range(n)])
    noise = rng.standard_normal((n, len(spots)), np.float32)
    noise -= noise.mean(axis=1, keepdims=True)
    return Surrogates(len(xy), spots, bins, kernels_of(distance, bins), permutations, noise)


def pooled_p_values(r: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return how likely each gene's surrogates reach its correlation, (n_genes,).

    A gene has a few hundred surrogates, which tell nothing of small probabilities. Fisher's z of
    each gene, in units of its own surrogates' spread, is therefore compared with that of all genes'
    surrogates.

    Parameters
    ----------
    r : (n_genes,)
        Correlations found.
    null : (n_surrogates, n_genes)
        From `Surrogates.correlations`, of the same spots. Genes that do not vary, all 0, get 1.
    """
    r, null = (np.arctanh(np.clip(values, -1 + 1e-6, 1 - 1e-6)) for values in (r, null))
    spread = np.sqrt((null.astype(np.float64) ** 2).mean(axis=0))
    varies = spread > 0
    p = np.ones(len(r))
    pool = np.sort((null[:, varies] / spread[varies]).ravel())
    reached = len(pool) - np.searchsorted(pool, r[varies] / spread[varies])
    p[varies] = (1 + reached) / (1 + len(pool))
    return p


def _standardized(values: np.ndarray) -> np.ndarray:
    z = centered(values)
    return (z / z.std(axis=0)).astype(np.float32)
