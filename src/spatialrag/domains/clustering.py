"""Embeddings to domain labels; no annotation is ever seen."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from spatialrag.errors import InputError, MissingDependencyError, check_choice
from spatialrag.graphs.feature import feature_graph
from spatialrag.progress import track

Algorithm = Literal["kmeans", "gaussian_mixture", "leiden"]
ALGORITHMS = get_args(Algorithm)
_STARTS = 10
_MANY = 100_000  # spots, above which k-means goes by batches
_LEVEL = 0.02  # of stability: the most domains within it are chosen, as few are often most stable
_NEIGHBORS = 15  # of the graph that Leiden partitions
_SEARCH = 40  # resolutions tried for a number of domains


@dataclass(frozen=True)
class Clustering:
    """How latents become domains.

    Parameters
    ----------
    by
        ``kmeans``; ``gaussian_mixture`` with one covariance shared by all domains (what mclust
        calls EEE), started from k-means; ``leiden`` on the cosine graph of the 15 most similar
        latents, at the resolution that gives the number of domains asked for. k-means is the best
        of 10 starts, and goes by batches above 100,000 spots.
    candidates
        Numbers of domains to choose from, by stability, when none is given.
    refine
        Whether each spot then takes the most frequent label among itself and its neighbors.

    Examples
    --------
    >>> embedding = np.repeat([[0.0, 0.0], [5.0, 5.0]], 20, axis=0)
    >>> labels = Clustering("kmeans").labels(embedding, 2, rng=0)
    >>> len(np.unique(labels[:20])), len(np.unique(labels))
    (1, 2)
    """

    by: Algorithm = "kmeans"
    candidates: tuple[int, ...] = tuple(range(2, 13))
    refine: bool = False

    def __post_init__(self) -> None:
        check_choice(self.by, ALGORITHMS, name="clustering")
        if not self.candidates or min(self.candidates) < 2:
            raise InputError("candidates are numbers of domains, 2 or more")

    def labels(
        self,
        embedding: np.ndarray,
        n_domains: int | None,
        *,
        adjacency: sparse.csr_matrix | None = None,
        rng: int = 0,
    ) -> np.ndarray:
        """Return a domain for each spot, "1" to "K", the largest first.

        Spots without spatial neighbors found no domain: what no neighbors smoothed lies far from
        everything, and one of them would be a domain of its own. They join the domain whose mean is
        nearest.

        Parameters
        ----------
        embedding : (n_spots, p)
        n_domains
            K; chosen by `stability` among ``candidates`` when absent.
        adjacency : CSR (n_spots, n_spots), optional
            Spatial neighbors; needed for ``refine``.
        rng
            Seed.

        Raises
        ------
        InputError
            NaN or inf, more domains than spots, or (Leiden) no resolution gives that number.
        """
        if not np.isfinite(embedding).all():
            raise InputError("the embedding contains NaN or inf")
        values = np.asarray(embedding, np.float64)
        joined = _joined(len(values), adjacency)
        n_domains = self._number(values[joined], n_domains, rng)
        part = self._found(values[joined], n_domains, rng)
        found = part if joined.all() else _with_others(values, joined, part)
        if self.refine:
            if adjacency is None:
                raise InputError("refinement needs a spatial graph", fix="set refine=False")
            found = majority(found, adjacency)
        return by_size(found)

    def _number(self, values: np.ndarray, n_domains: int | None, rng: int) -> int:
        if n_domains is None:
            possible = tuple(k for k in self.candidates if 2 * k <= len(values))
            scores = stability(values, possible or (2,), rng=rng)
            best = max(scores.values())
            n_domains = max(k for k, score in scores.items() if score >= best - _LEVEL)
        if not 1 <= n_domains <= len(values):
            raise InputError(
                "n_domains must be at least 1 and at most the number of spots",
                expected=f"1 to {len(values)}",
                got=str(n_domains),
            )
        return n_domains

    def _found(self, values: np.ndarray, n_domains: int, rng: int) -> np.ndarray:
        if self.by == "kmeans":
            return _kmeans(values, n_domains, rng).labels_
        if self.by == "gaussian_mixture":
            return _mixture(values, n_domains, rng)
        return _leiden(values, n_domains, rng)


def _joined(n: int, adjacency: sparse.csr_matrix | None) -> np.ndarray:
    """Return which spots have neighbors, (n,); all where nothing is known."""
    joined = np.ones(n, bool)
    if adjacency is not None and adjacency.nnz:
        joined = np.diff(adjacency.tocsr().indptr) > 0
    return joined


def _with_others(values: np.ndarray, joined: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return labels of all spots: those of the joined, and the nearest mean's of the others."""
    names, codes = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, codes, values[joined])
    means = sums / np.bincount(codes)[:, None]
    others = np.linalg.norm(values[~joined][:, None] - means, axis=2).argmin(axis=1)
    found = np.empty(len(values), names.dtype)
    found[joined], found[~joined] = labels, names[others]
    return found


def _kmeans(values: np.ndarray, n_domains: int, rng: int, *, n_init: int = _STARTS) -> KMeans:
    kind = MiniBatchKMeans if len(values) > _MANY else KMeans
    return kind(n_domains, n_init=n_init, random_state=rng).fit(values)


def _mixture(values: np.ndarray, n_domains: int, rng: int) -> np.ndarray:
    """Return the mixture's labels, EM started from k-means.

    Of random starts the most likely one is often a mixture with a handful of outliers as a domain.
    """
    start = _kmeans(values, n_domains, rng)
    within = values - start.cluster_centers_[start.labels_]
    covariance = within.T @ within / len(values)
    ridge = 1e-4 * max(np.trace(covariance) / len(covariance), 1e-12)
    precision = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    return GaussianMixture(
        n_domains,
        covariance_type="tied",
        weights_init=np.bincount(start.labels_, minlength=n_domains) / len(values),
        means_init=start.cluster_centers_,
        precisions_init=(precision + precision.T) / 2,
        reg_covar=ridge,
        random_state=rng,
    ).fit_predict(values)


def stability(
    embedding: np.ndarray, candidates: tuple[int, ...], *, n_draws: int = 8, rng: int = 0
) -> dict[int, float]:
    """Return how well k-means of subsamples agree, for each number of domains.

    Each draw clusters 80 % of the spots and assigns all of them; the score is the mean ARI between
    draws. Few domains are often the most stable: look at the whole table.

    Parameters
    ----------
    embedding : (n_spots, p)
    candidates
        Numbers of domains.
    n_draws
        Subsamples per number.
    rng
        Seed.
    """
    generator = np.random.default_rng(rng)
    n = len(embedding)
    drawn = [generator.choice(n, max(int(0.8 * n), 1), replace=False) for _ in range(n_draws)]
    scores = {}
    for k in track(candidates, label="number of domains", total=len(candidates)):
        found = [
            _kmeans(embedding[part], k, rng + i, n_init=3).predict(embedding)
            for i, part in enumerate(drawn)
        ]
        pairs = [(a, b) for i, a in enumerate(found) for b in found[:i]]
        scores[k] = float(np.mean([adjusted_rand_score(a, b) for a, b in pairs]))
    return scores


def _leiden(values: np.ndarray, n_domains: int, rng: int) -> np.ndarray:
    """Return the partition whose resolution, found by bisection, gives ``n_domains`` parts."""
    try:
        import igraph
        import leidenalg
    except ImportError as error:
        raise MissingDependencyError("leidenalg", extra="domains", needed_for="Leiden") from error
    k = min(_NEIGHBORS, len(values) - 1)
    # Away from the mean, so that cosines compare directions in which spots differ.
    joined = feature_graph(values - values.mean(axis=0) + 1e-12, k=k).connectivities
    upper = sparse.triu(joined).tocoo()
    graph = igraph.Graph(len(values), list(zip(upper.row, upper.col, strict=True)))
    low, high, tried = 0.0, 1.0, []
    for _ in range(_SEARCH):
        middle = (low + high) / 2
        found = leidenalg.find_partition(
            graph,
            leidenalg.RBConfigurationVertexPartition,
            resolution_parameter=middle,
            seed=rng,
        )
        tried.append(len(found))
        if len(found) == n_domains:
            return np.array(found.membership)
        if len(found) < n_domains:
            low, high = middle, high * 2 if middle > 0.9 * high else high
        else:
            high = middle
    raise InputError(
        f"no resolution gives {n_domains} domains",
        got=f"{min(tried)} to {max(tried)}",
        fix="use by='kmeans', or a number among those",
    )


def by_size(labels: np.ndarray) -> np.ndarray:
    """Return labels as "1" to "K", the largest first; ties in order of appearance."""
    _, first, inverse, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(counts), int)
    rank[np.lexsort((first, -counts))] = np.arange(1, len(counts) + 1)
    return rank[inverse].astype(str)


def majority(labels: np.ndarray, adjacency: sparse.csr_matrix) -> np.ndarray:
    """Return each spot's most frequent label among itself and its neighbors.

    A spot keeps its label where no other is more frequent.
    """
    names, codes = np.unique(labels, return_inverse=True)
    own = np.eye(len(names))[codes]
    votes = adjacency.astype(bool).astype(np.float64) @ own + own
    return names[np.argmax(votes + 0.5 * own, axis=1)]
