import numpy as np
import pytest

from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.generag.removals import strongest
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set import WorkingSet


@pytest.fixture(scope="module")
def fitted(references):
    return GeneRAG(n_anchors=100, solver=WorkingSet(tol=1e-9)).fit(references)


def test_equals_a_solve_over_a_bank_without_the_reference(fitted, queries):
    prediction = fitted.predict(queries, removed=2)
    table = prediction.citations.removals
    spot = queries.spots[7]
    removed = table[table["spot"] == spot]["removed"].unique()
    assert len(removed) == 2
    problem = fitted.problem(queries)
    names = fitted.bank.references.index.to_numpy(str)[fitted.rows]
    kept = np.flatnonzero(names != removed[0])
    alone = Problem(
        problem.design[:, kept], problem.targets[:, [7]], problem.l1[[7]], problem.l2[[7]]
    )
    expected = fitted.settings.solver.solve(alone).weights.toarray().ravel()
    mine = table[(table["spot"] == spot) & (table["removed"] == removed[0])]
    found = mine.set_index("reference")["weight"].reindex(names[kept]).fillna(0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert removed[0] not in set(mine["reference"])


def test_predictions_do_not_change(fitted, queries):
    plain, with_removals = fitted.predict(queries), fitted.predict(queries, removed=1)
    np.testing.assert_array_equal(plain.expression, with_removals.expression)
    np.testing.assert_array_equal(plain.citations.n_active, with_removals.citations.n_active)


def test_strongest_pairs(fitted, queries):
    weights = fitted.predict(queries).citations.weights
    pairs = strongest(weights, 3)
    assert len(pairs) == 3 * 56
    row = weights[4].toarray().ravel()
    assert pairs[pairs[:, 0] == 4, 1].tolist() == np.argsort(-row, kind="stable")[:3].tolist()
