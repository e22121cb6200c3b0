from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.linear import Linear


def test_closed_form_against_scikit_learn(references, queries):
    genes = references.genes[references.measured_everywhere][:20]
    ours = Linear(components=None, penalty=0.5).fit(references, genes, scale="log1p")
    scaler = StandardScaler().fit(references.embeddings)
    x = scaler.transform(references.embeddings)
    constant = references.embeddings.std(axis=0) < 1e-6
    x[:, constant] = 0
    y = references.on_scale("log1p")[:, np.searchsorted(references.genes, genes)].toarray()
    mean = np.linalg.eigvalsh(x.T @ x).mean()
    theirs = Ridge(alpha=0.5 * mean).fit(x, y)
    q = scaler.transform(queries.vectors)
    q[:, constant] = 0
    np.testing.assert_allclose(ours.predict(queries), theirs.predict(q), atol=1e-3)


def test_components_are_principal(references, queries):
    genes = references.genes[references.measured_everywhere][:5]
    few = Linear(components=3, penalty=0.1).fit(references, genes, scale="log1p")
    assert few.coefficients.shape == (3, 5)
    spread = few.features.transform(references.embeddings).var(axis=0)
    assert sorted(spread) == list(spread)
    assert few.predict(queries).shape == (56, 5)


def test_penalty_is_chosen_from_references(references):
    genes = references.genes[references.measured_everywhere][:50]
    chosen = Linear().fit(references, genes, scale="log1p").penalty
    assert 1e-3 <= chosen <= 10
    assert Linear().fit(references, genes, scale="log1p").penalty == chosen


def test_reduced_rank_is_the_best_approximation_of_the_fitted_values(references):
    """The singular value decomposition of the fitted values, truncated."""
    genes = references.genes[references.measured_everywhere][:30]
    whole = Linear(penalty=0.5).fit(references, genes, scale="log1p")
    few = replace(Linear(penalty=0.5), rank=3).fit(references, genes, scale="log1p")
    x = whole.features.transform(references.embeddings[~references.empty])
    fitted = (x - x.mean(axis=0)) @ whole.coefficients
    left, sizes, right = np.linalg.svd(fitted, full_matrices=False)
    expected = (left[:, :3] * sizes[:3]) @ right[:3]
    found = (x - x.mean(axis=0)) @ few.coefficients
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_bad_settings(references):
    with pytest.raises(InputError, match="rank must be at least 1"):
        Linear(rank=0)
    with pytest.raises(InputError, match="penalty must be positive"):
        Linear(penalty=0)
    with pytest.raises(InputError, match="components must be at least 1"):
        Linear(components=0)
    bare = replace(references, embeddings=None, encoder=None)
    with pytest.raises(InputError, match="bank has no embeddings"):
        Linear().fit(bare, references.genes[:3], scale="log1p")
