"""Which references can be skipped: they were far below every query's l1, and little has moved.

|d'(r − r_then)| ≤ ‖d‖ ‖r − r_then‖ bounds what a correlation can have gained since it was computed.
"""

from dataclasses import dataclass

import numpy as np

from spatialrag.solvers.problem import Problem

GROUP = 64  # queries that are skipped together
_SAFE = 1e-6  # relative, beyond the rounding of float32


@dataclass(eq=False)
class Slack:
    """How far residuals may move before a reference can matter, per group of queries.

    Parameters
    ----------
    norms : (n_references,)
        ‖d_i‖, rounded up; NaN before the first scan.
    room : (n_groups, n_references)
        float32, lower bound of (l1 − |d_i'r|) / ‖d_i‖ over the group's queries.
    """

    norms: np.ndarray
    room: np.ndarray

    @classmethod
    def unknown(cls, problem: Problem) -> "Slack":
        """Return the state before anything was looked at."""
        n_groups = -(-problem.n_queries // GROUP)
        room = np.full((n_groups, problem.n_references), -np.inf, np.float32)
        return cls(np.full(problem.n_references, np.nan), room)

    @staticmethod
    def group_of(queries: np.ndarray) -> np.ndarray:
        """Return the group of each query."""
        return queries // GROUP

    def move(self, queries: np.ndarray, distances: np.ndarray) -> None:
        """Take into account how far the residuals of ascending queries have moved."""
        groups, starts = np.unique(self.group_of(queries), return_index=True)
        farthest = np.maximum.reduceat(distances, starts) * (1 + _SAFE)
        self.room[groups] -= farthest[:, None].astype(np.float32)

    def forget(self) -> None:
        """Return to knowing nothing but the norms."""
        self.room[:] = -np.inf

    def measure(self, references: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the norms of some references, computed on first sight."""
        norms = self.norms[references]
        if np.isnan(norms).any():
            squares = np.einsum("ij,ij->i", rows, rows)
            rounding = 1 + rows.shape[1] * np.finfo(rows.dtype).eps  # never below the true norm
            norms = self.norms[references] = rounding * np.sqrt(squares, dtype=np.float64)
        return norms

    def record(
        self, groups: np.ndarray, references: np.ndarray, norms: np.ndarray, above: np.ndarray
    ) -> None:
        """Store what is left below l1.

        ``above`` (groups, references) is the largest |d_i'r| − l1.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            room = -above / norms
        room = np.where(norms > 0, room * (1 - _SAFE), np.where(above < 0, np.inf, -np.inf))
        # Contiguous references, the rule, are far cheaper to assign as a slice.
        where = references
        if references[-1] - references[0] == len(references) - 1:
            where = slice(references[0], references[-1] + 1)
        for row, group in enumerate(groups):
            self.room[group, where] = room[row]
