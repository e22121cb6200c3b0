from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.stack import members
from spatialrag.prediction.backbones.stack.stack import Stack, training_set, within_variance
from spatialrag.prediction.generag import GeneRAG


@pytest.fixture(scope="module")
def trained(three):
    return Stack().fit(three, three.genes, scale="log1p")


def test_a_stack_is_the_weighted_sum_of_its_members(trained, three):
    queries = three.embeddings_of("s1")
    centred = trained.prepared.queries(queries).vectors
    expected = trained.mean.copy()
    for w, reader in zip(trained.weights[0], trained.members, strict=True):
        x = reader.features.transform(centred if reader.centred else queries.vectors)
        expected = expected + w * (reader.member.predict(x) - trained.mean)
    assert [reader.centred for reader in trained.members] == [True, True, False, True]
    assert np.abs(centred - queries.vectors).max() > 0.01
    np.testing.assert_allclose(trained.predict(queries), expected, rtol=1e-5, atol=1e-5)
    assert trained.weights.sum() <= 1 + 1e-9
    assert trained.left_out == 3


def test_weights_rest_on_left_out_slides(three):
    """A member that only remembers the spots it was trained on gets no weight."""

    class Remembered:
        def __init__(self, x, y):
            self.x, self.y, self.chosen = x, y, {}

        def predict(self, new):
            same = np.abs(new[:, None] - self.x[None]).max(axis=2) < 1e-9
            known = self.y[same.argmax(axis=1)]
            return np.where(same.any(axis=1)[:, None], known, np.arange(len(new))[:, None])

    class Memory:
        centred = False

        def fit(self, spots):
            return Remembered(spots.x, spots.targets.toarray())

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(members.MEMBERS, "memory", Memory())
        trained = Stack(members=("ridge", "memory")).fit(three, three.genes, scale="log1p")
    # Three donors: a third of the weight is equal whatever was found.
    assert trained.weights[0, 0] > 0.5
    assert trained.weights[0, 1] < 0.17 + 0.05


def test_nothing_of_a_left_out_slide_is_in_what_predicts_it(three):
    """Another expression of slide s2 leaves the stack without it as it was, bit for bit."""
    changed = three.expression.copy()
    changed.data[:] = changed.data + np.random.default_rng(0).integers(0, 9, len(changed.data))
    rows = (three.references["slide"] == "s2").to_numpy()[:, None]
    mixed = changed.multiply(rows) + three.expression.multiply(~rows)
    other = replace(three, expression=mixed.tocsr())
    queries, found = three.embeddings_of("s2"), []
    for bank in (three, other):
        trained = Stack().fit(bank.without(slides=["s2"]), three.genes, scale="log1p")
        found.append(trained.predict(queries))
    np.testing.assert_array_equal(found[0], found[1])


def test_groups_of_genes_have_weights_of_their_own(three):
    trained = Stack(gene_groups=2).fit(three, three.genes, scale="log1p")
    assert trained.table.shape == (2, 4)
    assert list(trained.table.columns) == ["ridge", "kernel_ridge", "neighbors", "depth"]
    spots = training_set(three, three.genes, scale="log1p")
    variance = within_variance(spots.targets, spots.slides)
    assert variance[trained.group == 0].min() >= variance[trained.group == 1].max()


def test_variance_within_slides(three):
    spots = training_set(three, three.genes, scale="log1p")
    values = spots.targets.toarray()
    for slide in np.unique(spots.slides):
        values[spots.slides == slide] -= values[spots.slides == slide].mean(axis=0)
    found = within_variance(spots.targets, spots.slides)
    np.testing.assert_allclose(found, values.var(axis=0), rtol=1e-5)


def test_few_donors_cannot_tell_and_weights_are_equal(three, small):
    """Unless they are asked to: a slide alone is then cut into parts."""
    two = replace(three, slides=three.slides.assign(donor=["d0", "d0", "d1"]))
    two = replace(
        two, references=two.references.assign(donor=two.slides["donor"].to_numpy()[two.slide_of])
    )
    for bank in (small, two):
        trained = Stack().fit(bank, bank.genes, scale="log1p")
        np.testing.assert_array_equal(trained.weights, 0.25)
        assert trained.left_out == 0
    for bank, parts in ((small, 4), (two, 3)):
        fitted = Stack(trust=1.0).fit(bank, bank.genes, scale="log1p")
        assert fitted.left_out == parts
        assert np.ptp(fitted.weights) > 0.01
        assert np.isfinite(fitted.predict(bank.embeddings_of("s0"))).all()


def test_a_single_query_and_generag_over_a_stack(references, queries):
    single = replace(
        queries, vectors=queries.vectors[:1], spots=queries.spots[:1], xy=queries.xy[:1]
    )
    method = GeneRAG(backbone="stack", n_anchors=40, strength=0.3, centring=1.0)
    prediction = method.fit(references).predict(single)
    assert np.isfinite(prediction.expression[~prediction.missing]).all()
    told = prediction.record["backbone"]
    assert set(told["weights"]["genes 1/1"]) == {"ridge", "kernel_ridge", "neighbors", "depth"}


def test_bad_settings(three, small):
    with pytest.raises(InputError, match="some of ridge, kernel_ridge"):
        Stack(members=("ridge", "forest"))
    with pytest.raises(InputError, match=r"got:\s+none"):
        Stack(members=())
    with pytest.raises(InputError, match="components must be at least 1"):
        Stack(components=0)
    with pytest.raises(InputError, match=r"trust must be in \[0, 1\]"):
        Stack(trust=2.0)
    with pytest.raises(InputError, match="gene_groups must be at least 1"):
        Stack(gene_groups=0)
    few = small.references.copy()
    few.iloc[5:, few.columns.get_loc("total_counts")] = 0
    with pytest.raises(InputError, match="at least 8 references"):
        Stack().fit(replace(small, references=few), small.genes, scale="log1p")


def test_a_member_that_fails_names_itself(three):
    class Broken:
        centred = True

        def fit(self, spots):
            raise np.linalg.LinAlgError("singular")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(members.MEMBERS, "depth", Broken())
        with pytest.raises(InputError, match=r"(?s)member 'depth' of the stack.*singular"):
            Stack().fit(three, three.genes, scale="log1p")
