"""What every domain method returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import anndata as ad
import numpy as np

from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.graphs.graph import Graph
from spatialrag.semantics.spots import Semantics


@dataclass(frozen=True, eq=False)
class Domains:
    """Spatial domains of spots.

    Parameters
    ----------
    labels : (n_spots,)
        Domain of each spot, "1" to "K", the largest domain first.
    embedding : (n_spots, p)
        What was clustered.
    record
        Settings and origin.
    graphs
        Neighbors that were used, by name.
    arrays
        What else the method can show, by name: losses per epoch, latents on the way.

    Examples
    --------
    >>> from spatialrag.domains import SmoothedPCA
    >>> found = SmoothedPCA().fit_predict(adata, n_domains=3)
    >>> found.labels.shape, found.embedding.shape[0]
    ((56,), 56)
    """

    labels: np.ndarray
    embedding: np.ndarray
    record: dict[str, object] = field(default_factory=dict)
    graphs: dict[str, Graph] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.embedding):
            raise InputError(
                "labels and embedding do not match",
                expected=f"{len(self.embedding)} labels",
                got=str(len(self.labels)),
            )

    @property
    def sizes(self) -> dict[str, int]:
        """Spots of each domain, the largest first."""
        names, counts = np.unique(self.labels, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {str(names[i]): int(counts[i]) for i in order}


class DomainMethod(Protocol):
    """A frozen dataclass of settings that finds domains; annotations are not among its inputs.

    Examples
    --------
    >>> from spatialrag.domains import Consensus
    >>> chosen: DomainMethod = Consensus()
    """

    def fit_predict(self, data: Tissue | ad.AnnData, *, n_domains: int | None) -> Domains:
        """Return domains of all spots; ``n_domains`` None lets the method choose."""


@runtime_checkable
class NetworkMethod(DomainMethod, Protocol):
    """A method whose network is trained on a device."""

    @property
    def device(self) -> str:
        """Where it is trained: ``cpu``, or a torch device such as ``cuda``."""
        ...


@runtime_checkable
class ScaledMethod(DomainMethod, Protocol):
    """A method whose likelihood follows the scale of the expression, such as SemST."""

    def for_scale(self, scale: Scale) -> "ScaledMethod":
        """Return the same method for expression on a scale."""
        ...

    def fit_predict(
        self,
        data: Tissue | ad.AnnData,
        *,
        n_domains: int | None,
        semantics: Semantics | None = None,
        checkpoint: str | Path | None = None,
    ) -> Domains:
        """Return domains of all spots, steered by the meaning of their genes where it is given."""
        ...
