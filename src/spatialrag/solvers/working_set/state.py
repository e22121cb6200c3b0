"""What is known of every query between two looks at the bank."""

from dataclasses import dataclass

import numpy as np

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Status
from spatialrag.solvers.working_set.small import SmallProblem, Terms


@dataclass(frozen=True, eq=False)
class State:
    """All queries of a problem while they are being solved; arrays are written in place.

    Parameters
    ----------
    smalls : list of n_queries
        The queries on their working sets.
    gap : (n_queries,)
        inf before the first look.
    proven : (n_queries,)
        Whether the gap was computed in float64 against the whole bank.
    passes : (n_queries,)
        Looks at the whole bank.
    best : (n_queries,)
        Smallest gap when a working set last stopped growing.
    status : (n_queries,)
        `Status` values, as text.
    """

    smalls: list[SmallProblem]
    gap: np.ndarray
    proven: np.ndarray
    passes: np.ndarray
    best: np.ndarray
    status: np.ndarray

    @classmethod
    def of(cls, smalls: list[SmallProblem]) -> "State":
        """Return what is known before the first look."""
        n = len(smalls)
        return cls(
            smalls=smalls,
            gap=np.full(n, np.inf),
            proven=np.zeros(n, bool),
            passes=np.zeros(n, np.int64),
            best=np.full(n, np.inf),
            status=np.full(n, Status.ROUNDS.value, dtype=object),
        )

    @classmethod
    def empty(cls, problem: Problem) -> "State":
        """Return every query without references."""
        pairs = zip(problem.targets.T, terms_of(problem), strict=True)
        return cls.of([SmallProblem(target, terms) for target, terms in pairs])

    def restated(self, problem: Problem) -> "State":
        """Turn to other penalties and block weights: working sets, products and weights stay."""
        for small, terms in zip(self.smalls, terms_of(problem), strict=True):
            small.terms = terms
        return State.of(self.smalls)


@dataclass(frozen=True)
class Trace:
    """What a solve has done, for those who ask where its time went.

    Parameters
    ----------
    looked_at
        Products d'r of every look at the bank.
    """

    looked_at: list[int]


def terms_of(problem: Problem) -> list[Terms]:
    """Return each query's penalties."""
    return [
        Terms(float(l1), float(l2), problem.positive, problem.blocks)
        for l1, l2 in zip(problem.l1, problem.l2, strict=True)
    ]
