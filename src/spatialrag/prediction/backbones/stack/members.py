"""Members of a stack: regressions from features to genes that choose for themselves.

Each is fitted on a `TrainingSet`, and whatever it has to choose it chooses by leaving groups of
that set out: what is predicted of spots outside the set owes nothing to them.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from scipy import linalg, sparse
from scipy.spatial.distance import pdist

from spatialrag.prediction.backbones.stack.training_set import TrainingSet
from spatialrag.prediction.features import best_penalty, hold_out
from spatialrag.retrieval.neighbors import nearest


class FittedMember(Protocol):
    """A trained member."""

    @property
    def chosen(self) -> dict[str, float]:
        """What was chosen, by name."""
        ...

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return expression (n, n_genes) of features (n, p)."""
        ...


class Member(Protocol):
    """Settings of a member; ``centred`` says which vectors it reads."""

    centred: ClassVar[bool]

    def fit(self, spots: TrainingSet) -> FittedMember:
        """Return the member trained on the spots."""
        ...


@dataclass(frozen=True, eq=False)
class LinearMap:
    """mean + (x - center) coefficients, after an optional map of x.

    Parameters
    ----------
    center : (p,)
    coefficients : (p, n_genes)
    mean : (n_genes,)
    chosen
        What was chosen, by name.
    kernel
        Features to the kernel's.
    """

    center: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray
    chosen: dict[str, float]
    kernel: "KernelMap | None" = None

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return expression (n, n_genes) of features (n, p)."""
        if self.kernel is not None:
            x = self.kernel.transform(x)
        return (x - self.center) @ self.coefficients + self.mean


def _fit_map(
    x: np.ndarray,
    targets: sparse.csr_matrix,
    penalty: float,
    kernel: "KernelMap | None" = None,
    **chosen: float,
) -> LinearMap:
    center = x.mean(axis=0)
    z = x - center
    gram = z.T @ z
    # As `spatialrag.prediction.features.ridge` has it: relative to the mean eigenvalue.
    gram[np.diag_indices_from(gram)] += penalty * max(float(np.trace(gram)) / len(gram), 1e-12)
    product = np.asarray(targets.T @ z).T
    coefficients = linalg.solve(gram, product, assume_a="pos")
    mean = np.asarray(targets.mean(axis=0), np.float64).ravel()
    return LinearMap(center, coefficients, mean, {"penalty": penalty, **chosen}, kernel)


@dataclass(frozen=True)
class Ridge:
    """Ridge regression; the penalty is chosen."""

    centred: ClassVar[bool] = True

    def fit(self, spots: TrainingSet) -> LinearMap:
        """Return the member trained on the spots."""
        penalty, _ = best_penalty(spots.folds, spots.guides)
        return _fit_map(spots.x, spots.targets, penalty)


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The features of a Gaussian kernel over landmarks: their inner products are its values.

    Parameters
    ----------
    landmarks : (m, p)
    width
        Distance at which the kernel has fallen to exp(-1/2).
    root : (m, k)
        Inverse square root of the kernel between landmarks, without its null space.
    """

    landmarks: np.ndarray
    width: float
    root: np.ndarray

    @classmethod
    def fit(cls, landmarks: np.ndarray, width: float) -> "KernelMap":
        """Return the map of a width."""
        values, vectors = linalg.eigh(_gaussian(landmarks, landmarks, width))
        kept = values > 1e-9 * values[-1]
        return cls(landmarks, width, vectors[:, kept] / np.sqrt(values[kept]))

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Return the kernel's features (n, k) of features (n, p)."""
        return _gaussian(x, self.landmarks, self.width) @ self.root


@dataclass(frozen=True)
class KernelRidge:
    """Ridge in the features of a Gaussian kernel; width and penalty are chosen.

    With every training spot a landmark this is kernel ridge regression itself; beyond
    ``n_landmarks`` spots it is Nystroem's approximation (Williams & Seeger 2001), over spots
    evenly spaced in the bank's order.

    Parameters
    ----------
    widths
        Among which is chosen, relative to the median distance between spots.
    n_landmarks
        At most so many.
    """

    centred: ClassVar[bool] = True
    widths: tuple[float, ...] = (0.5, 1.0)
    n_landmarks: int = 1500

    def fit(self, spots: TrainingSet) -> LinearMap:
        """Return the member trained on the spots."""
        x, n = spots.x, len(spots.x)
        landmarks = x[np.linspace(0, n - 1, min(n, self.n_landmarks)).round().astype(int)]
        median = float(np.median(pdist(landmarks))) if len(landmarks) > 1 else 1.0
        found = []
        for width in self.widths:
            kernel = KernelMap.fit(landmarks, width * (median or 1.0))
            mapped = kernel.transform(x)
            penalty, error = best_penalty(hold_out(mapped, spots.groups), spots.guides)
            found.append((error, penalty, width, kernel, mapped))
        _, penalty, width, kernel, mapped = min(found, key=lambda each: each[0])
        return _fit_map(mapped, spots.targets, penalty, kernel, width=width)


@dataclass(frozen=True)
class NearestReferences:
    """Mean of the spots whose expression is nearest to what a ridge predicts; k is chosen.

    Nearest in the leading principal components of expression.

    Parameters
    ----------
    ks
        Among which is chosen.
    components
        Components of expression.
    """

    centred: ClassVar[bool] = False
    ks: tuple[int, ...] = (10, 20, 50, 100, 200)
    components: int = 32

    def fit(self, spots: TrainingSet) -> "FittedNearest":
        """Return the member trained on the spots."""
        x, guides = spots.x, spots.guides
        z = guides - guides.mean(axis=0)
        count = min(self.components, *z.shape)
        axes = linalg.eigh(z.T @ z, subset_by_index=(z.shape[1] - count, z.shape[1] - 1))[1]
        places = z @ axes
        penalty, _ = best_penalty(spots.folds, places)
        error = np.zeros(len(self.ks))
        for test in (fold.test for fold in spots.folds):
            learned_from = places[~test]
            learned = _fit_map(x[~test], learned_from, penalty)
            order = nearest(learned.predict(x[test]), learned_from, k=max(self.ks))
            for i, k in enumerate(self.ks):
                means = _averaging(order[:, :k], len(learned_from)) @ guides[~test]
                error[i] += np.square(means - guides[test]).sum()
        k = min(self.ks[int(error.argmin())], len(x))
        learned = _fit_map(x, places, penalty)
        return FittedNearest(learned, places, spots.targets, {"penalty": penalty, "k": k})


@dataclass(frozen=True, eq=False)
class FittedNearest:
    """Training spots by their expression, and a ridge to look there.

    Parameters
    ----------
    learned
        Features to components of expression.
    places : (n, components)
        Places of the training spots, as measured.
    targets : CSR (n, n_genes)
    chosen
        Penalty, and the number of spots averaged.
    """

    learned: LinearMap
    places: np.ndarray
    targets: sparse.csr_matrix
    chosen: dict[str, float]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return expression (n, n_genes) of features (n, p)."""
        index = nearest(self.learned.predict(x), self.places, k=int(self.chosen["k"]))
        return (_averaging(index, len(self.places)) @ self.targets).toarray()


@dataclass(frozen=True)
class PredictedDepth:
    """One number per spot: the depth a ridge predicts, times each gene's slope on it.

    Slopes and depth are within slides: levels of depth between slides are the laboratory's.
    """

    centred: ClassVar[bool] = True

    def fit(self, spots: TrainingSet) -> LinearMap:
        """Return the member trained on the spots."""
        depth = spots.depth.astype(np.float64)
        for slide in np.unique(spots.slides):
            depth[spots.slides == slide] -= depth[spots.slides == slide].mean()
        penalty, _ = best_penalty(spots.folds, depth[:, None])
        learned = _fit_map(spots.x, depth[:, None], penalty)
        slopes = (spots.targets.T @ depth) / max(float(depth @ depth), 1e-12)
        mean = np.asarray(spots.targets.mean(axis=0), np.float64).ravel()
        coefficients = learned.coefficients * slopes
        return LinearMap(learned.center, coefficients, mean, learned.chosen)


MEMBERS: dict[str, Member] = {
    "ridge": Ridge(),
    "kernel_ridge": KernelRidge(),
    "neighbors": NearestReferences(),
    "depth": PredictedDepth(),
}


def _averaging(index: np.ndarray, n_spots: int) -> sparse.csr_matrix:
    """Return the matrix (n, n_spots) that averages the spots named in each row of (n, k)."""
    n, k = index.shape
    share = (np.full(n * k, 1 / k), index.ravel(), np.arange(0, n * k + 1, k))
    return sparse.csr_matrix(share, shape=(n, n_spots))


def _gaussian(x: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
    squares = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1) - 2 * x @ y.T
    return np.exp(-0.5 * np.maximum(squares, 0) / width**2)
