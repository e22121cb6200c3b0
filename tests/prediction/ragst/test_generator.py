from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.ragst.generator import TrainingSpots


@pytest.fixture
def problem(fitted):
    """Spots that are, each, one reference of the pool: attention has something to find."""
    pool = fitted.generator.pool
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.flatnonzero(pool.own == ""))[:30]
    inputs = pool.types[rows] @ rng.normal(size=(3, 6)) + rng.normal(0, 0.1, (30, 6))
    columns = np.arange(60)
    return pool, TrainingSpots(
        inputs=inputs,
        shares=pool.types[rows] * 0.9 + 0.1 / 3,
        own=np.full(30, "none"),
        truth=pool.values[rows][:, columns].toarray(),
        columns=columns,
    )


def test_training_lowers_the_error(problem, quick):
    pool, spots = problem
    errors = []
    for epochs in (1, 150):
        training = replace(quick.training, epochs=epochs)
        fitted = replace(quick, training=training).fit(spots, pool)
        weights = fitted.weights(spots.inputs, spots.shares)
        retrieved = (weights @ pool.values).toarray()[:, spots.columns]
        errors.append(np.square(retrieved - spots.truth).mean())
    assert errors[1] < 0.95 * errors[0]


def test_nothing_to_retrieve(problem, quick):
    pool, spots = problem
    alone = replace(pool, own=np.full(len(pool.own), ""))
    with pytest.raises(InputError, match="nothing to retrieve but itself"):
        quick.fit(replace(spots, own=np.full(30, "")), alone)


def test_random_draws_differ_between_batches_and_repeat(problem, quick):
    pool, spots = problem
    fitted = replace(quick, random=True).fit(spots, pool)
    first = fitted.weights(spots.inputs, spots.shares)
    assert (np.diff(first.indptr) == quick.n_retrieved).all()
    assert len(np.unique(first.indices)) > quick.n_retrieved * 2
    assert (first != fitted.weights(spots.inputs, spots.shares)).nnz == 0
