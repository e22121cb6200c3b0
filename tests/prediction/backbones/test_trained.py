from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from spatialrag.prediction.backbones.backbone import TrainedBackbone, make_backbone  # noqa: E402
from spatialrag.prediction.backbones.fitting import Fitting  # noqa: E402
from spatialrag.prediction.backbones.probe import Probe  # noqa: E402
from spatialrag.prediction.backbones.trained import training_key  # noqa: E402
from spatialrag.prediction.generag.generag import GeneRAG  # noqa: E402

LONG = Fitting(epochs=150, learning_rate=0.05, weight_decay=0.0, batch=None, patience=None)


@pytest.mark.parametrize("standardize", [True, False])
def test_outputs_come_back_to_the_scale(small, standardize):
    """A linear layer trained to its end is least squares, whatever the genes' scale."""
    trained = Probe(standardize=standardize, fitting=LONG).fit(small, small.genes, scale="log1p")
    assert isinstance(trained, TrainedBackbone)
    x = trained.features.transform(small.embeddings)
    x = np.column_stack([x, np.ones(len(x))])
    truth = small.on_scale("log1p").toarray()
    expected = x @ np.linalg.lstsq(x, truth, rcond=None)[0]
    found = trained.predict(small.embeddings_of("s0"))
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert found.min() < 0  # what a model says, not what expression can be


def test_empty_spots_teach_nothing(small):
    counts = small.expression.copy()
    counts[3] = 0
    references = small.references.copy()
    references.iloc[3, references.columns.get_loc("total_counts")] = 0
    empty = replace(small, expression=counts, references=references)
    vectors = small.embeddings.copy()
    vectors[3] = 50.0
    moved = replace(empty, embeddings=vectors)
    queries = small.embeddings_of("s0")
    fitting = replace(LONG, epochs=40)
    found = [
        Probe(fitting=fitting).fit(bank, small.genes, scale="log1p").predict(queries)
        for bank in (empty, moved, replace(small, embeddings=vectors))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_a_gene_that_never_varies(small):
    counts = small.expression.toarray()
    counts[:, 2] = 5
    flat = replace(small, expression=type(small.expression)(counts))
    trained = Probe(standardize=True, fitting=LONG).fit(flat, small.genes, scale="counts")
    found = trained.predict(flat.embeddings_of("s0"))
    np.testing.assert_allclose(found[:, 2], 5, atol=0.05)


@pytest.mark.parametrize("name", ["probe", "histogene", "bleep", "triplex", "stem", "deepspot"])
def test_generag_over_each(three, name):
    """One wrapper for any of them: the settings by name, trained inside the bank."""
    backbone = make_backbone(name)
    few = replace(backbone, fitting=replace(backbone.fitting, epochs=2, patience=None))
    rest = three.without(slides=["s2"])
    prediction = (
        GeneRAG(backbone=few, anchors=rest.genes[:6], scale="log1p")
        .fit(rest)
        .predict(three.embeddings_of("s2"))
    )
    assert prediction.expression.shape == (32, 10)
    assert np.isfinite(prediction.expression).all()


def test_a_training_may_go_on_elsewhere(small):
    """Its checkpoint is of the same training on any device, and of no other seed or scale."""
    here, there, other = (
        Probe(fitting=replace(LONG, **change)) for change in ({}, {"device": "cuda"}, {"seed": 1})
    )
    key = training_key(here, small, small.genes, scale="log1p")
    assert training_key(there, small, small.genes, scale="log1p") == key
    assert training_key(other, small, small.genes, scale="log1p") != key
    assert training_key(here, small, small.genes, scale="counts") != key


@pytest.mark.parametrize("name", ["probe", "histogene", "bleep", "triplex", "stem", "deepspot"])
def test_every_network_trains_on_a_device(three, name):
    """Dropout draws other numbers there; without it, training comes to the same."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    settings = make_backbone(name)
    found = []
    for device in ("cpu", "cuda"):
        fitting = replace(settings.fitting, epochs=2, device=device)
        trained = replace(settings, fitting=fitting).fit(three, three.genes, scale="log1p")
        found.append(trained.predict(three.embeddings_of("s0")))
    assert found[1].shape == found[0].shape
    assert np.isfinite(found[1]).all()
    if name == "probe":
        np.testing.assert_allclose(found[1], found[0], atol=1e-2)


def test_spots_lie_where_the_network_does(small):
    """Their rows index tensors of the device, and are joined with others of it."""
    from spatialrag.prediction.backbones.trained import _slides
    from spatialrag.prediction.features import Features

    settings = Probe(fitting=replace(LONG, device="meta"))
    features = Features.fit(small.embeddings, None)
    (slide,) = _slides(settings, small, features, small.on_scale("log1p").toarray())
    assert {slide.rows.device.type, slide.targets.device.type} == {"meta"}
