import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from spatialrag.prediction.features import (
    PENALTIES,
    Features,
    HeldOut,
    best_penalty,
    choose_penalty,
    folds_of,
    hold_out,
    ridge,
)


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
def test_components_are_those_of_scikit_learn(shape):
    x = np.random.default_rng(0).normal(size=shape)
    ours = Features.fit(x, 3).transform(x)
    theirs = PCA(3).fit_transform(StandardScaler().fit_transform(x))[:, ::-1]
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-8)


def test_constant_dimensions_become_zero():
    x = np.random.default_rng(0).normal(size=(10, 3))
    x[:, 1] = 5
    assert (Features.fit(x, None).transform(x + 1)[:, 1] == 0).all()


def test_ridge_is_scikit_learns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 4))
    x -= x.mean(axis=0)
    alpha = 0.3 * np.trace(x.T @ x) / 5
    expected = Ridge(alpha=alpha).fit(x, y).coef_.T
    for targets in (y, sparse.csr_matrix(y)):
        np.testing.assert_allclose(ridge(x, targets, [0.3])[0], expected, rtol=1e-8)


def test_penalty_is_large_for_noise_and_small_for_a_line():
    rng = np.random.default_rng(0)
    x, groups = rng.normal(size=(60, 5)), np.repeat(["a", "b", "c"], 20)
    line = x @ rng.normal(size=(5, 3))
    assert choose_penalty(x, line, groups) == PENALTIES[0]
    assert choose_penalty(x, sparse.csr_matrix(line), groups) == PENALTIES[0]
    assert choose_penalty(x, rng.normal(size=(60, 3)), groups) > 1
    assert choose_penalty(x, line, np.zeros(60)) == 1


def test_folds_are_whole_groups():
    groups = np.repeat(np.arange(20), 3)
    folds = folds_of(groups)
    assert len(folds) == 8
    assert (np.sum(folds, axis=0) == 1).all()
    for fold in folds:
        assert not np.isin(groups[fold], groups[~fold]).any()


@pytest.mark.parametrize("p", [5, 40])
def test_errors_of_a_fold_are_those_of_scikit_learn(p):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, p)) + 3, rng.normal(size=(30, 4)) + 7
    test = np.arange(30) % 3 == 0
    found = HeldOut.of(x, test).errors(sparse.csr_matrix(y))
    z = x[~test] - x[~test].mean(axis=0)
    for penalty, error in zip(PENALTIES, found, strict=True):
        model = Ridge(alpha=penalty * np.trace(z.T @ z) / p).fit(x[~test], y[~test])
        assert error == pytest.approx(np.square(model.predict(x[test]) - y[test]).sum(), rel=1e-8)


def test_one_group_leaves_nothing_to_choose_on():
    assert hold_out(np.ones((4, 2)), np.zeros(4)) == []
    assert best_penalty([], np.ones((4, 1))) == (1.0, 0.0)
