from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from spatialrag.domains.semst.inputs import components, make_inputs
from spatialrag.domains.semst.settings import Architecture, Graphs, Objective
from spatialrag.errors import InputError


def inputs(tissue, graphs=None, architecture=None, objective=None, semantic=None):
    return make_inputs(
        tissue,
        semantic,
        graphs or Graphs(),
        architecture or Architecture(),
        objective or Objective(),
        device="cpu",
    )


def test_components_are_those_of_the_centered_matrix(stripes):
    tissue, _ = stripes
    dense = tissue.logs.toarray().astype(float)
    u, s, _ = np.linalg.svd(dense - dense.mean(0), full_matrices=False)
    found = components(tissue.logs, 5)
    np.testing.assert_allclose(np.abs(found), np.abs(u[:, :5] * s[:5]), atol=1e-6)


def test_defaults(stripes):
    tissue, _ = stripes
    found = inputs(tissue)
    assert found.graphs["spatial"].settings["kind"] == "grid"
    assert found.values.shape == (400, 20)
    assert found.values.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_array_equal(found.target.toarray(), tissue.expression.toarray())
    assert found.semantic is None
    assert found.edges.shape[1] == found.graphs["spatial"].connectivities.nnz


def test_neighborhood_features_join_the_stripes_better(stripes):
    tissue, truth = stripes
    shares = {}
    for features in ("neighborhood", "input"):
        graph = inputs(tissue, Graphs(features=features)).graphs["features"].connectivities.tocoo()
        shares[features] = (truth[graph.row] == truth[graph.col]).mean()
    assert shares["neighborhood"] > shares["input"] + 0.1


def test_meaning_of_the_neighborhood(stripes):
    tissue, _ = stripes
    semantic = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    whole = Architecture(n_semantic=None)
    own = inputs(tissue, Graphs(semantics="spot"), whole, semantic=semantic).semantic
    np.testing.assert_array_equal(own, semantic)
    around = inputs(tissue, architecture=whole, semantic=semantic).semantic
    around = around.numpy().reshape(20, 20, 3)
    np.testing.assert_allclose(around.std(axis=(0, 1)), 1, rtol=1e-4)
    assert (
        np.abs(np.diff(around, axis=0)).mean() < 0.8 * np.abs(np.diff(around[::5], axis=0)).mean()
    )


def test_semantic_components_keep_their_variances(stripes):
    tissue, _ = stripes
    semantic = np.random.default_rng(0).normal(size=(400, 6)) * [5, 3, 1, 0.1, 0.1, 0.1]
    found = inputs(
        tissue, Graphs(semantics="spot"), Architecture(n_semantic=3), semantic=semantic
    ).semantic.numpy()
    assert found.shape == (400, 3)
    assert found.std() == pytest.approx(1, rel=1e-3)
    np.testing.assert_allclose(found.std(0) / found.std(0)[0], [1, 0.6, 0.2], atol=0.05)


def test_published_inputs(stripes):
    tissue, _ = stripes
    shares = inputs(tissue, architecture=Architecture(inputs="shares"))
    np.testing.assert_allclose(shares.values.sum(1), 1e4, rtol=1e-5)
    scaled = inputs(
        tissue, architecture=Architecture(inputs="scaled"), objective=Objective(target="input")
    )
    raw = tissue.shares.toarray()
    np.testing.assert_allclose(scaled.values, np.minimum(raw / raw.std(0), 10), rtol=1e-4)
    np.testing.assert_allclose(scaled.target.toarray(), scaled.values, rtol=1e-6)


def test_graph_named_degree_and_gaussian_target(stripes):
    tissue, _ = stripes
    found = inputs(
        tissue,
        Graphs(space="degree", k_space=10),
        objective=Objective(likelihood="gaussian"),
    )
    assert found.graphs["spatial"].degrees.max() > 10
    np.testing.assert_allclose(found.target.toarray(), tissue.logs.toarray())


def test_zinb_needs_counts(stripes):
    tissue, _ = stripes
    logs = replace(tissue, expression=tissue.logs, scale="log1p_cp10k")
    with pytest.raises(InputError, match=r"counts are needed(.|\n)*gaussian"):
        inputs(logs)
    assert inputs(logs, objective=Objective(likelihood="gaussian")).values.shape[0] == 400
