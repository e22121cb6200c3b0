from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.prediction.backbones.stack.stack import Stack
from spatialrag.prediction.controls import BackboneOnly, DepthOnly, Neighbors
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.preparation import Preparation

FAST = GeneRAG(n_anchors=60, strength=0.3, backbone="linear", centring=0.0)


def stained(bank, by=3.0):
    """The bank with a vector of its own added to every spot of each slide, as a stain adds."""
    rng = np.random.default_rng(3)
    added = rng.normal(scale=by, size=(len(bank.slides), bank.embeddings.shape[1]))
    vectors = bank.embeddings + added[bank.slide_of].astype(np.float32)
    return replace(bank, embeddings=vectors)


def test_as_it_is_by_default(references, queries):
    prepared = Preparation().fit(references)
    assert prepared.bank is references
    assert prepared.queries(queries) is queries
    assert prepared.record(queries) == {}


def test_without_context_as_the_bank_says(references, queries):
    prepared = Preparation(context=False).fit(references)
    expected = references.without_context()
    np.testing.assert_array_equal(prepared.bank.embeddings, expected.embeddings)
    assert prepared.bank.fingerprint == expected.fingerprint
    assert prepared.queries(queries).encoder == expected.encoder


@pytest.mark.parametrize("method", [FAST, BackboneOnly(), Neighbors(k=5), DepthOnly()])
def test_centred_methods_do_not_see_a_stain(toy_bank, method):
    """Whatever is added to all spots of a slide, in bank and query, changes nothing."""
    if isinstance(method, GeneRAG):
        method = replace(method, centring=1.0)
    else:
        method = replace(method, preparation=Preparation(centring=1.0))
    found = []
    for bank in (toy_bank, stained(toy_bank)):
        fitted = method.fit(bank.without(slides=["toy4"]))
        found.append(fitted.predict(bank.embeddings_of("toy4")).expression)
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)


def test_uncentred_methods_see_it(toy_bank):
    """Otherwise the test above could not fail."""
    found = []
    for bank in (toy_bank, stained(toy_bank)):
        fitted = BackboneOnly().fit(bank.without(slides=["toy4"]))
        found.append(fitted.predict(bank.embeddings_of("toy4")).expression)
    assert np.abs(found[0] - found[1]).max() > 0.1


def test_centred_vectors_are_compared_with_no_others(references, queries):
    prepared = Preparation(centring=1.0).fit(references)
    np.testing.assert_allclose(prepared.queries(queries).vectors.mean(axis=0), 0, atol=1e-4)
    with pytest.raises(InputError, match="embedded differently"):
        prepared.bank.check_queries(queries)
    other = replace(queries, encoder=replace(queries.encoder, name="other"))
    with pytest.raises(InputError, match="embedded differently"):
        prepared.queries(other)


def test_a_single_spot_is_hardly_centred_on_itself(references, queries):
    single = replace(
        queries, vectors=queries.vectors[:1], spots=queries.spots[:1], xy=queries.xy[:1]
    )
    prepared = Preparation(centring=1.0).fit(references)
    record = prepared.record(single)
    assert record["centring"] == 1
    assert record["centring_trust"] < 0.6 < prepared.record(queries)["centring_trust"]
    assert np.abs(prepared.queries(single).vectors).max() > 0.01
    prediction = replace(FAST, centring=1.0).fit(references).predict(single)
    assert prediction.record["centring_trust"] == record["centring_trust"]
    assert np.isfinite(prediction.expression[~prediction.missing]).all()


def test_rings_take_the_place_of_context(references, queries):
    """The eight or so nearest spots up to the first radius, as a loop finds them."""
    prepared = Preparation(context_um=(150.0, 250.0)).fit(references)
    own = references.encoder.own_dim
    assert prepared.bank.embeddings.shape[1] == 3 * own
    assert prepared.bank.encoder.own_dim == 3 * own
    np.testing.assert_array_equal(prepared.bank.embeddings[:, :own], references.embeddings[:, :own])
    read = prepared.queries(queries)
    place = queries.xy * queries.mpp
    distance = np.linalg.norm(place - place[5], axis=1)
    ring = (distance > 150) & (distance <= 250)
    expected = queries.vectors[ring, :own].mean(axis=0)
    np.testing.assert_allclose(read.vectors[5, 2 * own :], expected, rtol=1e-4, atol=1e-5)
    slide = references.slides.index[0]
    rows = (references.references["slide"] == slide).to_numpy()
    again = prepared.queries(references.embeddings_of(slide))
    np.testing.assert_array_equal(prepared.bank.embeddings[rows], again.vectors)


def test_rings_and_centring_go_together(references, queries):
    method = replace(FAST, context_um=(150.0,), centring=1.0)
    prediction = method.fit(references).predict(queries)
    assert prediction.record["settings"]["context_um"] == [150.0]
    assert np.isfinite(prediction.expression[~prediction.missing]).all()


def test_a_backbone_that_centres_itself_is_given_slides_as_they_are(references, queries):
    prepared = Preparation(context=False, centring=1.0).fit(references)
    assert prepared.for_backbone(Linear()) is prepared
    plain = prepared.for_backbone(Stack())
    assert plain.bank is prepared.before
    np.testing.assert_array_equal(plain.queries(queries).vectors, queries.without_context().vectors)
    fitted = replace(FAST, context=False, centring=1.0, backbone="stack").fit(references)
    assert fitted.backbone.bank.encoder == references.without_context().encoder
    assert np.isfinite(fitted.predict(queries).expression).any()


def test_bad_settings(references, queries):
    with pytest.raises(InputError, match=r"centring must be in \[0, 1\]"):
        GeneRAG(centring=1.5)
    with pytest.raises(InputError, match="context=False for none"):
        Preparation(context=False, context_um=(200,))
    with pytest.raises(InputError, match="no µm per pixel"):
        Preparation(context_um=(200,)).fit(references).queries(replace(queries, mpp=None))
    lost = np.where(np.arange(len(queries.xy))[:, None] == 2, np.nan, queries.xy)
    with pytest.raises(InputError, match="no place of"):
        Preparation(context_um=(200,)).fit(references).queries(replace(queries, xy=lost))
