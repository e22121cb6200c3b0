from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

from spatialrag.explanation.explanation import explain
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.generag.removals import removals, strongest
from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.working_set import WorkingSet

SOLVER = WorkingSet(tol=1e-10)


@pytest.fixture(scope="module")
def fitted(references):
    return GeneRAG(n_anchors=60, backbone="linear", solver=SOLVER).fit(references)


@pytest.fixture(scope="module")
def few(queries):
    """Three spots: a solve without each of their references takes a moment."""
    some = [7, 12, 30]
    return replace(
        queries, vectors=queries.vectors[some], spots=queries.spots[some], xy=queries.xy[some]
    )


def by_hand(fitted, problem, query, removed):
    """Weights without one reference: rows multiplied by √w and √(1 − w), its column deleted.

    By scikit-learn, from the fitted blocks: nothing of the problem but its targets and penalties.
    """
    image, anchors = fitted.image_block.rows, fitted.anchor_block.rows
    w = fitted.settings.image_weight
    design = np.concatenate([np.sqrt(w) * image.T, np.sqrt(1 - w) * anchors.T]).astype(np.float64)
    root = np.sqrt(np.repeat([w, 1 - w], [image.shape[1], anchors.shape[1]]))
    kept = np.delete(np.arange(design.shape[1]), removed)
    l1, l2, m = problem.l1[query], problem.l2[query], len(design)
    model = ElasticNet(
        alpha=(l1 + l2) / m,
        l1_ratio=l1 / (l1 + l2),
        positive=True,
        fit_intercept=False,
        tol=1e-10,
        max_iter=10**5,
    ).fit(design[:, kept], root * problem.targets[:, query])
    weights = np.zeros(design.shape[1])
    weights[kept] = model.coef_
    return weights


def test_equals_a_solve_of_weighted_rows_without_the_column(fitted, few):
    table = fitted.predict(few, removed=2).citations.removals
    problem = fitted.problem(few)
    names = fitted.bank.references.index.to_numpy(str)[fitted.rows]
    for spot in (0, 2):
        mine = table[table["spot"] == few.spots[spot]]
        removed = mine["removed"].unique()
        assert len(removed) == 2
        for name in removed:
            expected = by_hand(fitted, problem, spot, int(np.flatnonzero(names == name)[0]))
            found = mine[mine["removed"] == name].set_index("reference")["weight"]
            np.testing.assert_allclose(found.reindex(names).fillna(0), expected, atol=2e-6)
            assert name not in set(found.index)


def test_an_explanation_says_how_the_value_changes(fitted, references, few):
    prediction = fitted.predict(few, removed=3)
    problem = fitted.problem(few)
    names = references.references.index.to_numpy(str)[fitted.rows]
    spot, genes = 1, fitted.anchors[[0, 40]]
    found = [explain(prediction, spot=few.spots[spot], gene=gene) for gene in genes]
    measured = references.on_scale(fitted.settings.scale)[fitted.rows]
    columns = references.columns_of(genes)
    share = fitted.settings.smoothing
    values = (1 - share) * measured[:, columns].toarray()
    values = values + share * fitted.smoothing.values(columns)
    told = [f.citations.set_index("reference")["change"].dropna() for f in found]
    assert [len(changes) for changes in told] == [3, 3]
    for name in told[0].index:
        without = by_hand(fitted, problem, spot, int(np.flatnonzero(names == name)[0]))
        for f, changes, value in zip(found, told, values.T, strict=True):
            assert changes[name] == pytest.approx(without @ value - f.cited_value, abs=2e-5)


def test_that_nothing_takes_a_references_place_is_said_too():
    """One reference explains the query alone, the other points away from it."""
    problem = Problem(np.array([[1.0, -1.0], [0.0, 0.1]]), np.array([[1.0], [0.0]]), 0.1, 0.1)
    solution = WorkingSet().solve(problem)
    table = removals(problem, solution, WorkingSet(), count=2)
    assert table.to_dict("records") == [{"spot": 0, "removed": 0, "reference": 0, "weight": 0.0}]


def test_queries_without_weights_have_nothing_to_remove():
    problem = Problem(np.eye(2), -np.ones((2, 3)), 0.1, 0.1)
    table = removals(problem, WorkingSet().solve(problem), WorkingSet(), count=2)
    assert table.empty
    assert list(table.columns) == ["spot", "removed", "reference", "weight"]


def test_groups_that_a_query_must_not_use_stay_excluded():
    """Without its best reference, a query turns to its own kind, never to the excluded twin."""
    design = np.array([[1.0, 1.0, 0.9], [0.0, 0.0, 0.1]])
    problem = Problem(
        design, np.array([[1.0], [0.0]]), 0.1, 0.1, banned=np.array([7]), groups=np.array([8, 7, 8])
    )
    table = removals(problem, WorkingSet().solve(problem), WorkingSet(), count=1)
    assert table["removed"].tolist() == [0]
    assert table["reference"].tolist() == [2]


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
