"""Domains as the consensus of partitions from several views; no labels, no network."""

from dataclasses import dataclass

import anndata as ad
import numpy as np

from spatialrag.domains.clustering import by_size
from spatialrag.domains.consensus.neighborhoods import Neighborhoods
from spatialrag.domains.consensus.partitions import kmeans, tied_mixture
from spatialrag.domains.consensus.views import View, make_views
from spatialrag.domains.consensus.voting import Vote, vote
from spatialrag.domains.domains import Domains
from spatialrag.domains.tissue import Tissue, as_tissue
from spatialrag.errors import InputError
from spatialrag.provenance import origin

_FIT = {"kmeans": kmeans, "tied_mixture": tied_mixture}
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
        Of each partition.
    seed
        Of the starts.
    """

    candidates: tuple[int, ...] = tuple(range(2, 13))
    starts: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.candidates or min(self.candidates) < 2:
            raise InputError("candidates are numbers of domains, 2 or more")
        if self.starts < 1:
            raise InputError("starts must be at least 1", got=str(self.starts))

    def fit_predict(self, data: Tissue | ad.AnnData, *, n_domains: int | None) -> Domains:
        """Return domains of all spots.

        Parameters
        ----------
        data
            Spots; an AnnData is read as `Tissue.from_anndata` does by default.
        n_domains
            K; none lets stability choose.
        """
        tissue = as_tissue(data)
        tissue.require_domains(n_domains)
        order = _canonical(tissue)
        sections = None if tissue.sections is None else tissue.sections[order]
        places = Neighborhoods.of(tissue.xy[order], sections)
        views = make_views(tissue.logs[order], places, sections)
        record: dict[str, object] = origin(self)
        found, members = self._voted(views, n_domains)
        back = np.argsort(order)
        labels = by_size(found.labels[back])
        record |= {
            "members": members,
            "weights": found.weights.round(4).tolist(),
            "agreement": found.agreement.round(4).tolist(),
        }
        arrays = {"confidence": 1 - found.entropy[back], "entropy": found.entropy[back]}
        return Domains(labels, views[0].features[back], record, {}, arrays)

    def _voted(self, views: list[View], n_domains: int) -> tuple[Vote, list[str]]:
        partitions, members, weights = [], [], []
        for view in views:
            if view.efficiency**2 < _NEGLIGIBLE:
                continue
            for name, fit in _FIT.items():
                partitions.append(fit(view.features, n_domains, starts=self.starts, rng=self.seed))
                members.append(f"{view.name}, {name}")
                weights.append(view.efficiency**2)
        return vote(np.array(partitions), n_domains, np.array(weights)), members


def _canonical(tissue: Tissue) -> np.ndarray:
    """Return an order of spots that does not depend on the order they came in."""
    keys = [tissue.totals, tissue.xy[:, 1], tissue.xy[:, 0]]
    if tissue.sections is not None:
        keys.append(np.unique(tissue.sections, return_inverse=True)[1].ravel())
    return np.lexsort(keys)
