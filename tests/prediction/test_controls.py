import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.prediction.controls import (
    BackboneOnly,
    DepthOnly,
    MeanProfile,
    Neighbors,
    Permuted,
    log_depth,
    spread_depth,
)


def test_mean_profile_ignores_slides_that_did_not_measure(references, queries):
    prediction = MeanProfile("counts").fit(references).predict(queries)
    assert np.ptp(prediction.expression, axis=0).max() == 0
    rare = np.flatnonzero(references.measured.sum(axis=1) == 2)[0]
    measured = references.measured[rare][references.slide_of]
    expected = references.expression[measured][:, [rare]].mean()
    assert prediction.expression[0, rare] == pytest.approx(expected, rel=1e-5)


def test_depth_only_is_one_number_per_spot(references, queries):
    values = DepthOnly().fit(references).predict(queries).expression
    centered = values - values.mean(axis=0)
    assert np.ptp(centered, axis=1).max() < 1e-4
    assert centered[:, 0].std() > 0.01


def test_depth_of_an_external_backbone_is_its_mean(references, queries):
    class Given:
        genes, scale = np.array(["A", "B"]), "log1p"

        def predict(self, queries):
            return np.column_stack([np.arange(56.0), np.arange(56.0)])

    values = DepthOnly("log1p", backbone=Given()).fit(references).predict(queries).expression
    np.testing.assert_allclose(np.diff(values[:, 0]), 1, rtol=1e-4)


def test_backbone_only_knows_its_genes(references, queries):
    core = BackboneOnly(n_genes=30).fit(references).predict(queries)
    assert core.expression.shape == (56, 30)
    everything = BackboneOnly().fit(references).predict(queries)
    assert len(everything.genes) == references.measured_everywhere.sum()


def test_no_row_of_a_table_is_below_0(references, queries):
    """A model may say less than nothing; expression, and the nearest references, do not."""
    measured = references.genes[references.measured_everywhere][:40]
    level = np.random.default_rng(0).normal(size=(56, 40)).astype(np.float32)

    class Given:
        genes, scale = measured, "log1p"

        def __init__(self, values):
            self.values = values

        def predict(self, queries):
            return self.values

    raised = np.where(level < 0, 0, level)
    alone = BackboneOnly(Given(level), scale="log1p").fit(references).predict(queries)
    np.testing.assert_array_equal(alone.expression, raised)
    near = [
        Neighbors(k=5, backbone=Given(values), scale="log1p").fit(references).predict(queries)
        for values in (level, raised)
    ]
    np.testing.assert_array_equal(near[0].expression, near[1].expression)


def test_neighbors_cite_equally(references, queries):
    prediction = Neighbors(k=7, n_anchors=50).fit(references).predict(queries)
    assert (prediction.citations.n_active == 7).all()
    np.testing.assert_allclose(prediction.citations.effective_number, 7)


def test_depth_helpers(references):
    np.testing.assert_allclose(
        log_depth(references), np.log1p(references.references["total_counts"])
    )
    np.testing.assert_allclose(spread_depth(np.array([1.0, 3]), np.array([5.0])), [[4], [6]])


@pytest.mark.parametrize("control", [BackboneOnly, Neighbors])
def test_a_trained_backbone_is_checked_like_generags(references, control):
    class Trained:
        def __init__(self, genes, scale):
            self.genes, self.scale = np.asarray(genes), scale

        def predict(self, queries):
            return np.ones((len(queries.spots), len(self.genes)))

    known = references.genes[references.measured_everywhere][:3]
    with pytest.raises(InputError, match="two expression scales would be mixed"):
        control(backbone=Trained(known, "log1p")).fit(references)


def test_neighbors_name_genes_the_bank_lacks(references):
    class Trained:
        genes, scale = np.array(["NOPE", references.genes[0]]), "log1p_cp10k"

        def predict(self, queries):
            return np.ones((len(queries.spots), 2))

    with pytest.raises(InputError, match=r"(?s)anchor genes are missing.*NOPE"):
        Neighbors(backbone=Trained()).fit(references)


def test_permuted_references_keep_their_slides_and_lose_their_places(references, queries):
    """Embeddings move within slides: their means stay, and what they predicted is gone."""
    seen = []

    class Spy:
        def fit(self, bank):
            seen.append(bank)

    Permuted(Spy()).fit(references)
    (bank,) = seen
    assert (bank.embeddings != references.embeddings).any(axis=1).mean() > 0.9
    for slide in references.slides.index:
        rows = (references.references["slide"] == slide).to_numpy()
        ours, theirs = (np.sort(b.embeddings[rows], axis=0) for b in (bank, references))
        np.testing.assert_array_equal(ours, theirs)
    assert (bank.expression != references.expression).nnz == 0
    truth = references.select([references.slides.index[0]])
    query = truth.embeddings_of(references.slides.index[0])
    scores = []
    for method in (BackboneOnly(), Permuted(BackboneOnly())):
        found = method.fit(references).predict(query).values_of(truth.genes)
        scores.append(pearson_per_gene(found, truth.on_scale("log1p_cp10k").toarray()).mean())
    assert scores[1] < 0.1 < scores[0]
