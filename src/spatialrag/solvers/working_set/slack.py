"""Which references can be skipped: they were far below every query's l1, and little has moved.

|d'(r − r_then)| ≤ ‖d‖ ‖r − r_then‖ bounds what a correlation can have gained since it was computed.
"""

from dataclasses import dataclass

import numpy as np

from spatialrag.solvers.problem import Problem

GROUP = 64  # queries that are skipped together
_SAFE = 1e-6  # relative, beyond the rounding of float32 over _MOVES
_MOVES = 30
_TINY, _HUGE = (float(getattr(np.finfo(np.float32), name)) for name in ("tiny", "max"))


@dataclass(eq=False)
class Slack:
    """How far residuals may move before a reference can matter, per group of queries.

    Parameters
    ----------
    norms : (n_references,)
        ‖d_i‖, rounded up; NaN before the first scan.
    room : (n_groups, n_references)
        float32, lower bound of (l1 − |d_i'r|) / ‖d_i‖ over the group's queries.
    seen : (n_queries, m)
        Weighted residuals when they were last looked at; inf before.
    """

    norms: np.ndarray
    room: np.ndarray
    seen: np.ndarray
    moves: int = 0  # since all rooms were last known to be right to a rounding

    @classmethod
    def unknown(cls, problem: Problem) -> "Slack":
        """Return the state before anything was looked at."""
        n_groups = -(-problem.n_queries // GROUP)
        room = np.full((n_groups, problem.n_references), -np.inf, np.float32)
        seen = np.full(problem.targets.T.shape, np.inf)
        return cls(np.full(problem.n_references, np.nan), room, seen)

    @staticmethod
    def group_of(queries: np.ndarray) -> np.ndarray:
        """Return the group of each query."""
        return queries // GROUP

    def move(self, queries: np.ndarray, residual: np.ndarray) -> None:
        """Take into account where the residuals, (n, m), of ascending queries have moved."""
        distances = np.linalg.norm(residual - self.seen[queries], axis=1)
        self.seen[queries] = residual
        self.moves += 1
        if self.moves > _MOVES:
            self.forget()
            return
        groups, starts = np.unique(self.group_of(queries), return_index=True)
        farthest = np.maximum.reduceat(distances, starts) * (1 + _SAFE) + _TINY
        self.room[groups] -= np.minimum(farthest, _HUGE)[:, None].astype(np.float32)

    def forget(self) -> None:
        """Return to knowing nothing but the norms."""
        self.room[:], self.seen[:], self.moves = -np.inf, np.inf, 0

    def measure(self, references: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the norms of some references, computed on first sight."""
        norms = self.norms[references]
        if np.isnan(norms).any():
            norms = self.norms[references] = _norms(rows)
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
        # Nothing is skipped for a room that float32 cannot hold.
        room[~(room > _TINY)] = -np.inf
        room[(room > _HUGE) & (room < np.inf)] = _HUGE
        # Contiguous references, the rule, are far cheaper to assign as a slice.
        where: np.ndarray | slice = references
        if references[-1] - references[0] == len(references) - 1:
            where = slice(references[0], references[-1] + 1)
        for row, group in enumerate(groups):
            self.room[group, where] = room[row]


def _norms(rows: np.ndarray) -> np.ndarray:
    """Return ‖d_i‖ in float64, never below the true norm, also where squares over- or underflow."""
    m, limits = rows.shape[1], np.finfo(rows.dtype)
    rounding = 1 + m * limits.eps
    with np.errstate(over="ignore", under="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows)
    norms = rounding * np.sqrt(squares, dtype=np.float64)
    # A square that underflows loses up to ``tiny``.
    odd = ~((squares > 4 * m * limits.tiny / limits.eps) & np.isfinite(squares))
    if odd.any():
        wide = rows[odd].astype(np.float64)
        peak = np.abs(wide).max(axis=1, keepdims=True)
        wide /= np.where(peak > 0, peak, 1.0)
        norms[odd] = rounding * peak[:, 0] * np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return norms
