"""Domains as the consensus of partitions from several views; no labels, no network."""

from dataclasses import dataclass

import anndata as ad
import numpy as np

from spatialrag.domains.clustering import by_size
from spatialrag.domains.consensus.neighborhoods import Neighborhoods
from spatialrag.domains.consensus.number import most_stable, stability_curve
from spatialrag.domains.consensus.partitions import kmeans, tied_mixture
from spatialrag.domains.consensus.views import View, make_views
from spatialrag.domains.consensus.voting import Vote, vote
from spatialrag.domains.domains import Domains
from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.errors import InputError
from spatialrag.progress import track
from spatialrag.provenance import origin

_FIT = {"kmeans": kmeans, "tied_mixture": tied_mixture}
_VOTES = 3000  # repeats of a partition times spots
_NEGLIGIBLE = 0.02  # weight below which a view is not worth its time


@dataclass(frozen=True)
class Consensus:
    """Domains that partitions of several views of a tissue agree on.

    Views are log expression itself, means over neighborhoods, and the part of expression that
    varies over places, predicted with as much smoothing as each component bears (see
    `spatialrag.domains.consensus.field`). Each is partitioned by k-means and by a mixture with one
    covariance. Partitions count by how little of that part their view loses and by how well they
    agree with the others.

    Parameters
    ----------
    candidates
        Numbers of domains to choose from, by stability, when none is given.
    starts
        Starts of each partition, of which the best is kept.
    repeats
        Partitions of each view and kind, from other starts: when absent, 3,000 over the number of
        spots, 2 to 12. The fewer spots, the more does chance decide.
    seed
        Seed of the starts.

    Examples
    --------
    >>> found = Consensus().fit_predict(adata, n_domains=3)
    >>> len(found.labels)
    56
    """

    candidates: tuple[int, ...] = tuple(range(2, 13))
    starts: int = 5
    repeats: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.candidates or min(self.candidates) < 2:
            raise InputError("candidates are numbers of domains, 2 or more")
        if min(self.starts, 1 if self.repeats is None else self.repeats) < 1:
            raise InputError("starts and repeats must be at least 1")

    def fit_predict(self, data: Tissue | ad.AnnData, *, n_domains: int | None) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        data
            Spots; an AnnData is read as `Tissue.from_anndata` does by default.
        n_domains
            K; stability chooses among ``candidates`` when absent.

        Returns
        -------
        Domains
            In ``arrays``: ``entropy`` of each spot's votes over its highest value, (n_spots,), 0
            where all partitions agree; and ``confidence``, 1 less that. In the record: the
            ``members`` of the vote with their ``weights`` and their ``agreement`` (adjusted Rand
            index of each pair), and the ``stability`` of each number of domains where none was
            given. The embedding is the part of expression that varies over places.

        Raises
        ------
        InputError
            As `Tissue` does, or more domains than different spots.
        """
        tissue = as_tissue(data)
        tissue.require_domains(n_domains)
        order = _canonical(tissue)
        sections = None if tissue.sections is None else tissue.sections[order]
        places = Neighborhoods.of(tissue.xy[order], sections)
        views = make_views(tissue.logs[order], places, sections)
        views = [view for view in views if view.weight >= _NEGLIGIBLE]
        record: dict[str, object] = origin(self)
        if n_domains is None:
            curve = self._curve(views, tissue)
            n_domains = most_stable(curve)
            record["stability"] = {str(k): round(score, 4) for k, score in curve.items()}
        found, members = self._voted(views, n_domains)
        back = np.argsort(order)
        record |= {
            "n_domains": n_domains,
            "members": members,
            "weights": found.weights.round(4).tolist(),
            "agreement": found.agreement.round(4).tolist(),
        }
        if shared := int((places.shared[places.shared > 1]).sum()):
            record["sharing_places"] = shared
        arrays = {"confidence": 1 - found.entropy[back], "entropy": found.entropy[back]}
        return Domains(by_size(found.labels[back]), views[0].features[back], record, {}, arrays)

    def _curve(self, views: list[View], tissue: Tissue) -> dict[int, float]:
        possible = tuple(k for k in self.candidates if 2 * k <= tissue.n_spots)
        if not possible:
            raise InputError(
                "too few spots to choose a number of domains",
                expected=f"{2 * min(self.candidates)} spots or more",
                got=str(tissue.n_spots),
                fix="give n_domains (--n-domains)",
            )
        tissue.require_domains(max(possible))
        return stability_curve(views, possible, rng=self.seed)

    def _voted(self, views: list[View], n_domains: int) -> tuple[Vote, list[str]]:
        """Return the vote of all partitions, and what each was made of."""
        n = len(views[0].features)
        repeats = self.repeats or int(np.clip(-(-_VOTES // n), 2, 12))
        members = [
            (view, name, repeat) for view in views for name in _FIT for repeat in range(repeats)
        ]
        partitions = [
            _FIT[name](
                view.features,
                n_domains,
                starts=self.starts,
                rng=repeats * self.seed + repeat,
            )
            for view, name, repeat in track(members, label="partitions", total=len(members))
        ]
        weights = np.array([view.weight for view, _, _ in members])
        named = [f"{view.name}, {name}, {repeat}" for view, name, repeat in members]
        return vote(np.array(partitions), n_domains, weights), named


def _canonical(tissue: Tissue) -> np.ndarray:
    """Return an order of spots that does not depend on the order they came in."""
    keys = [tissue.totals, tissue.xy[:, 1], tissue.xy[:, 0]]
    if tissue.sections is not None:
        keys.append(np.unique(tissue.sections, return_inverse=True)[1].ravel())
    return np.lexsort(keys)
