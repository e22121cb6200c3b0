from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from spatialrag.prediction.generag.certificate import certificate
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.solution import Solution, Status

RNG = np.random.default_rng(0)
DESIGN = RNG.random((7, 5)).astype(np.float32)
TARGETS = RNG.random((7, 2)).astype(np.float32)
WEIGHTS = np.array([[0.2, 0, 0.3, 0, 0], [0, 0.4, 0, 0, 0.1]])


def solved():
    problem = Problem(DESIGN, TARGETS, 0.1, 0.1, positive=True, blocks=((3, 0.2), (4, 0.8)))
    status = np.full(2, Status.CONVERGED.value)
    ones = np.ones(2)
    return problem, Solution(sparse.csr_matrix(WEIGHTS), 0 * ones, ones, ones.astype(int), status)


def test_shares_of_the_fit_by_hand():
    """Per block: w times (squares of the targets less squares of what the weights leave)."""
    table = certificate(["a", "b"], *solved(), n_image=3)
    assert table.index.tolist() == ["a", "b"]
    assert set(table["status"]) == {"converged"}
    for q, spot in enumerate(("a", "b")):
        gains = []
        for rows, weight in ((slice(0, 3), 0.2), (slice(3, 7), 0.8)):
            target = TARGETS[rows, q].astype(float)
            left = target - sum(WEIGHTS[q, i] * DESIGN[rows, i].astype(float) for i in range(5))
            gains.append(weight * (target @ target - left @ left))
        assert min(gains) > 0
        share = gains[0] / sum(gains)
        assert table.loc[spot, "from_morphology"] == pytest.approx(share, rel=1e-5)
        assert table.loc[spot, "from_anchors"] == pytest.approx(1 - share, rel=1e-5)


@pytest.mark.parametrize(("n_image", "share"), [(0, 0), (7, 1)])
def test_one_block_has_it_all(n_image, share):
    problem, solution = solved()
    problem = replace(problem, blocks=((7, 1.0),))
    table = certificate(["a", "b"], problem, solution, n_image=n_image)
    assert table["from_morphology"].tolist() == [share, share]
