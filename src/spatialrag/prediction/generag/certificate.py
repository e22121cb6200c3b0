"""What is proven of each spot's solve, and what its fit came from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution


def certificate(
    spots: Sequence[str] | np.ndarray, problem: Problem, solution: Solution, *, n_image: int
) -> pd.DataFrame:
    """Return a row per spot: gap, relative_gap, objective, rounds, status, and the fit's sources.

    Parameters
    ----------
    spots : (n_queries,)
        Names of the queries.
    problem, solution
        Eq. 1 and its weights.
    n_image
        Rows of the design that are the image block's; they come first. 0 without one.

    Returns
    -------
    pandas.DataFrame
        ``from_morphology`` is the image block's share of what the weights explain of the targets'
        squares, ``from_anchors`` the rest.
    """
    morphology = _explained(problem, solution, n_image)
    return pd.DataFrame(
        {
            "gap": solution.gap,
            "relative_gap": solution.relative_gap,
            "objective": solution.objective,
            "rounds": solution.rounds,
            "status": solution.status.astype(str),
            "from_morphology": morphology,
            "from_anchors": 1 - morphology,
        },
        index=np.asarray(spots),
    )


def _explained(problem: Problem, solution: Solution, n_image: int) -> np.ndarray:
    if n_image in (0, len(problem.targets)):
        return np.full(problem.n_queries, float(n_image > 0))
    fitted = np.zeros(problem.targets.shape)
    for references, rows in problem.references.blocks(problem.n_references):
        fitted += np.asarray(solution.weights[:, references] @ rows).T
    explained = np.square(problem.targets, dtype=np.float64)
    explained -= np.square(problem.targets - fitted)
    explained *= problem.row_weights[:, None]
    image = np.maximum(explained[:n_image].sum(axis=0), 0)
    anchor = np.maximum(explained[n_image:].sum(axis=0), 0)
    total = image + anchor
    return np.divide(image, total, out=np.zeros_like(total), where=total > 0)
