"""What every domain method returns."""

from dataclasses import dataclass, field

import numpy as np

from spatialrag.errors import InputError


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
    """

    labels: np.ndarray
    embedding: np.ndarray
    record: dict[str, object] = field(default_factory=dict)

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
