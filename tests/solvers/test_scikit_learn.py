"""scikit-learn's own tests of coordinate descent, as installed, run on `WorkingSet`.

Those that apply run with its estimators replaced by an adapter; the others are named with the
reason. Nothing of them is copied.
"""

import inspect
from functools import partial
from importlib.metadata import version

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import ElasticNetCV

from spatialrag.solvers.problem import Problem
from spatialrag.solvers.working_set.working_set import WorkingSet

suite = pytest.importorskip(
    "sklearn.linear_model.tests.test_coordinate_descent",
    reason="this scikit-learn is installed without its tests",
    exc_type=ImportError,
)


class OurElasticNet(RegressorMixin, BaseEstimator):
    """`WorkingSet` behind scikit-learn's interface; sample weights are blocks of one row each."""

    def __init__(
        self,
        alpha=1.0,
        *,
        l1_ratio=0.5,
        fit_intercept=True,
        precompute=False,
        max_iter=1000,
        copy_X=True,
        tol=1e-4,
        positive=False,
    ):
        self.alpha, self.l1_ratio, self.fit_intercept = alpha, l1_ratio, fit_intercept
        self.precompute, self.max_iter, self.copy_X = precompute, max_iter, copy_X
        self.tol, self.positive = tol, positive

    def fit(self, X, y, sample_weight=None, check_input=True):
        X = np.asarray(X.toarray() if sparse.issparse(X) else X, np.float64)
        targets = np.asarray(y, np.float64).reshape(len(X), -1)
        w = np.ones(len(X)) if sample_weight is None else np.broadcast_to(sample_weight, len(X))
        w = w * (len(X) / w.sum())
        if self.fit_intercept:
            x_mean, y_mean = np.average(X, axis=0, weights=w), np.average(targets, 0, weights=w)
        else:
            x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(targets.shape[1])
        blocks = () if sample_weight is None else tuple((1, float(weight)) for weight in w)
        l1 = len(X) * self.alpha * self.l1_ratio
        l2 = len(X) * self.alpha * (1 - self.l1_ratio)
        problem = Problem(X - x_mean, targets - y_mean, l1, l2, self.positive, blocks=blocks)
        solution = WorkingSet(tol=1e-14).solve(problem).require_converged()
        weights = solution.weights.toarray()
        one = np.ndim(y) == 1
        self.coef_ = weights[0] if one else weights
        intercept = y_mean - weights @ x_mean
        self.intercept_ = float(intercept[0]) if one else intercept
        gap = solution.gap / len(X)
        self.dual_gap_ = float(gap[0]) if one else gap
        return self

    def predict(self, X):
        return np.asarray(X) @ self.coef_.T + self.intercept_


class OurLasso(OurElasticNet):
    def __init__(
        self,
        alpha=1.0,
        *,
        fit_intercept=True,
        precompute=False,
        max_iter=1000,
        copy_X=True,
        tol=1e-4,
        positive=False,
    ):
        super().__init__(
            alpha,
            l1_ratio=1.0,
            fit_intercept=fit_intercept,
            precompute=precompute,
            max_iter=max_iter,
            copy_X=copy_X,
            tol=tol,
            positive=positive,
        )


def our_path(X, y, *, alphas):
    """`lasso_path` along `solve_path`."""
    X, y = np.asarray(X, np.float64), np.asarray(y, np.float64)
    first = Problem(X, y[:, None], 1.0, 0.0, positive=False)
    problems = [
        Problem(first.design, first.targets, len(X) * alpha, 0.0, positive=False)
        for alpha in alphas
    ]
    found = WorkingSet(tol=1e-12).solve_path(problems)
    coefficients = np.stack([s.weights.toarray()[0] for s in found], axis=1)
    return np.asarray(alphas), coefficients, np.array([s.gap[0] for s in found])


SEEDS = {"global_random_seed": 42}
SAMPLES = {"estimator": OurElasticNet, "alpha": 0.01, "precompute": False, **SEEDS}
LARGEST = {"estimatorCV": ElasticNetCV, "estimator": OurElasticNet}
APPLY = [
    ("test_lasso_zero", {}),
    ("test_lasso_toy", {}),
    ("test_enet_toy", {}),
    ("test_lasso_positive_constraint", {}),
    ("test_enet_positive_constraint", {}),
    ("test_lasso_readonly_data", {}),
    ("test_enet_multitarget", {}),
    ("test_coef_shape_not_zero", {}),
    ("test_lasso_path_return_models_vs_new_return_gives_same_coefficients", {}),
    *(("test_lasso_non_float_y", {"model": model}) for model in (OurElasticNet, OurLasso)),
    *(("test_enet_copy_X_True", {"check_input": check}) for check in (True, False)),
    *(
        ("test_enet_sample_weight_does_not_overwrite_sample_weight", {"check_input": check})
        for check in (True, False)
    ),
    *(
        (
            "test_enet_sample_weight_consistency",
            SAMPLES | {"fit_intercept": intercept, "sparse_container": container},
        )
        for intercept in (True, False)
        for container in (None, sparse.csr_array)
    ),
    *(
        (
            "test_enet_ridge_consistency",
            {"ridge_alpha": alpha, "precompute": False, "n_targets": n, **SEEDS},
        )
        for alpha in (1e-1, 1.0, 1e6)
        for n in (1, 3)
    ),
    *(
        (
            "test_enet_alpha_max",
            LARGEST
            | {"fit_intercept": intercept, "positive": positive, "sample_weight": weight}
            | {"X_is_sparse": False},
        )
        for intercept in (True, False)
        for positive in (True, False)
        for weight in (None, np.array([1, 10, 1, 10]))
    ),
    *(
        ("test_sample_weight_invariance", {"estimator": estimator})
        for estimator in (OurLasso(alpha=1.0), OurElasticNet(alpha=1.0, l1_ratio=0.1))
    ),
]
CHOOSES = "scikit-learn's choice of alpha by cross-validation"
MULTI = "the penalty that joins several targets"
WARM = "warm starts from coef_ and numbers of sweeps"
INSIDE = "scikit-learn's own inner functions"
GRAM = "a Gram matrix given by the user"
WORDS = "scikit-learn's own words, warnings and parameters"
NO_PENALTY = "alpha 0, which Problem refuses: the weights would not be unique"
DO_NOT_APPLY = {
    "test_set_order_dense": INSIDE,
    "test_set_order_sparse": INSIDE,
    "test_cython_solver_equivalence": INSIDE,
    "test_check_input_false": INSIDE,
    "test_enet_copy_X_False_check_input_False": INSIDE,
    "test_enet_path_check_input_false": INSIDE,
    "test_sparse_dense_descent_paths": "sparse designs",
    "test_random_descent": "the order in which coordinates are visited",
    "test_enet_float_precision": "coefficients in float32: weights are float64",
    "test_lasso_dual_gap": "a gap large enough to compare to digits: ours is at the last ones",
    "test_enet_nonfinite_params": WORDS,
    "test_path_unknown_parameter": WORDS,
    "test_path_function_deprecated_n_alphas": WORDS,
    "test_enet_l1_ratio": WORDS,
    "test_enet_path_positive": WORDS,
    "test_convergence_warnings": MULTI,
    "test_lasso_alpha_warning": NO_PENALTY,
    "test_enet_ols_consistency": NO_PENALTY,
    "test_elasticnet_precompute_incorrect_gram": GRAM,
    "test_elasticnet_precompute_gram_weighted_samples": GRAM,
    "test_elasticnet_precompute_gram": GRAM,
    "test_overridden_gram_matrix": GRAM,
    "test_warm_start": WARM,
    "test_warm_start_convergence": WARM,
    "test_warm_start_convergence_with_regularizer_decrement": WARM,
    "test_enet_coordinate_descent_raises_convergence": WARM,
    "test_multi_task_lasso_vs_skglm": MULTI,
    "test_multi_task_lasso_and_enet": MULTI,
    "test_multi_task_lasso_readonly_data": MULTI,
    "test_warm_start_multitask_lasso": MULTI,
    "test_multi_task_lasso_cv_dtype": MULTI,
    "test_lasso_cv": CHOOSES,
    "test_lasso_cv_with_some_model_selection": CHOOSES,
    "test_lasso_cv_positive_constraint": CHOOSES,
    "test_lassocv_alphas_validation": CHOOSES,
    "test_enet_path": CHOOSES,
    "test_enet_cv_positive_constraint": CHOOSES,
    "test_uniform_targets": CHOOSES,
    "test_multioutput_enetcv_error": CHOOSES,
    "test_multitask_enet_and_lasso_cv": CHOOSES,
    "test_1d_multioutput_enet_and_multitask_enet_cv": CHOOSES,
    "test_1d_multioutput_lasso_and_multitask_lasso_cv": CHOOSES,
    "test_sparse_input_dtype_enet_and_lassocv": CHOOSES,
    "test_sparse_input_convergence_warning": CHOOSES,
    "test_lassoCV_does_not_set_precompute": CHOOSES,
    "test_enet_cv_sample_weight_correctness": CHOOSES,
    "test_enet_cv_grid_search": CHOOSES,
    "test_enet_cv_sample_weight_consistency": CHOOSES,
    "test_linear_models_cv_fit_with_loky": CHOOSES,
    "test_cv_estimators_reject_params_with_no_routing_enabled": CHOOSES,
}


@pytest.mark.parametrize(
    ("name", "arguments"), APPLY, ids=[f"{name}-{i}" for i, (name, _) in enumerate(APPLY)]
)
def test_of_scikit_learn(monkeypatch, name, arguments):
    test = getattr(suite, name, None)
    if test is None:
        pytest.skip(f"this scikit-learn has no {name}")
    if set(inspect.signature(test).parameters) != set(arguments):
        pytest.skip(f"{name} of this scikit-learn takes other arguments")
    monkeypatch.setattr(suite, "ElasticNet", OurElasticNet)
    monkeypatch.setattr(suite, "Lasso", OurLasso)
    monkeypatch.setattr(suite, "lasso_path", our_path)
    if name == "test_enet_ridge_consistency":  # without l1, targets do not depend on each other
        monkeypatch.setattr(suite, "MultiTaskElasticNet", OurElasticNet)
    if name == "test_sample_weight_invariance":
        # A gap of 1e-14 leaves a weight of a lasso on nearly dependent columns some 1e-9.
        monkeypatch.setattr(suite, "assert_allclose", partial(suite.assert_allclose, atol=1e-8))
    test(**arguments)


def test_every_test_is_run_or_has_a_reason():
    if not version("scikit-learn").startswith("1.9."):
        pytest.skip("the tests were listed for scikit-learn 1.9")
    there = {name for name in vars(suite) if name.startswith("test_")}
    applied = {name for name, _ in APPLY}
    assert not applied & set(DO_NOT_APPLY)
    assert there == applied | set(DO_NOT_APPLY)
