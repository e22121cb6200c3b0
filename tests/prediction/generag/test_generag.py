import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sklearn.linear_model import ElasticNet

from spatialrag.bank.build import bank_of_section, join_banks
from spatialrag.errors import InputError, NotConvergedError
from spatialrag.expression.section import Section
from spatialrag.prediction.backbones.backbone import Model
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.prediction.generag import GeneRAG
from spatialrag.prediction.predictor import Queries
from spatialrag.slides.spots import Spots
from spatialrag.solvers.reference import CoordinateDescent
from spatialrag.solvers.working_set.working_set import WorkingSet

FAST = GeneRAG(n_anchors=100, backbone="linear")
EXACT = replace(FAST, solver=WorkingSet(tol=1e-10))


class Truth:
    """A backbone that answers with given values."""

    def __init__(self, genes, values, scale="log1p_cp10k"):
        self.genes, self.values, self.scale = genes, values, scale

    def predict(self, queries: Queries):
        return self.values


@pytest.fixture(scope="module")
def prediction(references, queries):
    return FAST.fit(references).predict(queries)


def test_released_settings_against_scikit_learn(references, queries):
    """The documented conversion: scikit-learn on the stacked rows gives the same weights."""
    method = replace(
        GeneRAG.released(n_anchors=40, dim=references.encoder.own_dim),
        solver=WorkingSet(tol=1e-11),
    )
    fitted = method.fit(references)
    problem = fitted.problem(queries)
    ours = method.solver.solve(problem).require_converged().weights[:3].toarray()
    model = ElasticNet(
        alpha=0.01, l1_ratio=0.9, fit_intercept=False, positive=True, tol=1e-13, max_iter=10**6
    )
    root = np.sqrt(problem.row_weights)
    design = problem.design.astype(float) * root[:, None]
    theirs = [model.fit(design, root * problem.targets[:, q]).coef_ for q in range(3)]
    np.testing.assert_allclose(
        ours @ problem.design.T, np.array(theirs) @ problem.design.T, rtol=1e-3
    )
    assert problem.design.shape[0] == 40 + references.encoder.dim / 2  # own vectors alone


def test_paper_preset_allows_both_signs(references, queries):
    method = GeneRAG.paper(strength=0.5, ridge_share=0.5, image_weight=0.5)
    weights = method.fit(references).predict(queries).citations.weights
    assert (weights.data < 0).any()
    assert (weights.data > 0).any()


def test_unconverged_is_an_error(references, queries):
    method = replace(FAST, solver=WorkingSet(tol=1e-12, max_rounds=1))
    with pytest.raises(NotConvergedError, match="round limit"):
        method.fit(references).predict(queries)


def test_image_weight_0_ignores_images(references, queries):
    values = np.abs(np.random.default_rng(0).normal(size=(56, 30)))
    genes = references.genes[references.measured_everywhere][:30]
    method = GeneRAG(image_weight=0, backbone=Truth(genes, values))
    other = replace(references, embeddings=references.embeddings[::-1])
    bare = replace(references, embeddings=None, encoder=None)
    spots = Spots(queries.slide, queries.spots, queries.xy)
    predictions = [
        method.fit(references).predict(queries),
        method.fit(other).predict(queries),
        method.fit(bare).predict(spots),
    ]
    for p in predictions[1:]:
        np.testing.assert_array_equal(p.expression, predictions[0].expression)
    assert (predictions[0].certificate["from_anchors"] == 1).all()


def test_without_context_is_a_bank_embedded_without(plain_bank, references, queries):
    """As in the paper, f is a spot's own vector; so is what a backbone trained here reads."""
    own = replace(FAST, context=False, image_weight=0.5)
    found = own.fit(references).predict(queries)
    expected = (
        replace(own, context=True)
        .fit(plain_bank.without(slides=["toy4"]))
        .predict(plain_bank.embeddings_of("toy4"))
    )
    np.testing.assert_array_equal(found.expression, expected.expression)
    assert found.record["bank"] == references.fingerprint
    joined = replace(own, context=True).fit(references).predict(queries)
    assert not np.allclose(joined.expression, found.expression, equal_nan=True)


def test_a_backbone_trained_elsewhere_reads_what_it_was_trained_on(references, queries):
    genes = references.genes[references.measured_everywhere][:30]
    trained = Linear().fit(references, genes, scale="log1p_cp10k")
    method = replace(FAST, context=False, backbone=trained)
    fitted = method.fit(references)
    position = [genes.tolist().index(gene) for gene in fitted.anchors]
    expected = np.maximum(trained.predict(queries)[:, position], 0)
    np.testing.assert_array_equal(fitted.initial(queries), expected)
    # The image block is without context all the same.
    assert fitted.problem(queries).design.shape[0] == 30 + references.encoder.dim / 2


def test_initial_predictions_are_clipped_where_asked(references, queries):
    genes = references.genes[references.measured_everywhere][:30]
    values = np.random.default_rng(0).normal(size=(56, 30)).astype(np.float32)
    backbone = Truth(genes, values)
    initial = {
        clip: replace(FAST, backbone=backbone, anchors=genes, clip_initial=clip)
        .fit(references)
        .initial(queries)
        for clip in (True, False)
    }
    np.testing.assert_array_equal(initial[False], values)
    np.testing.assert_array_equal(initial[True], np.where(values < 0, 0, values))
    assert not GeneRAG.released(n_anchors=3, dim=2).clip_initial
    assert not GeneRAG.paper(strength=1, ridge_share=0.5, image_weight=0.5).clip_initial


def test_unclipped_values_without_a_logarithm_are_refused(references, queries):
    genes = references.genes[references.measured_everywhere][:30]
    values = np.full((56, 30), -0.5, np.float32)
    method = replace(FAST, anchors=genes, scale="log1p", clip_initial=False)

    def initial(values, stored, **changes):
        backbone = Truth(genes, values, stored)
        return replace(method, backbone=backbone, **changes).fit(references).initial(queries)

    np.testing.assert_allclose(initial(values, "counts"), np.log(0.5), rtol=1e-6)
    low = values.copy()
    low[3, 4] = -1.0
    with pytest.raises(InputError, match=r"(?s)1 values have no log1p.*clip_initial=True"):
        initial(low, "counts")
    assert initial(low, "counts", clip_initial=True).min() == 0
    back = initial(low, "log1p", scale="counts")
    np.testing.assert_allclose(back, np.exp(low) - 1, rtol=1e-6)


def test_image_weight_1_ignores_anchors(references, queries):
    genes = references.genes[references.measured_everywhere][:30]
    rng = np.random.default_rng(0)
    predictions = [
        GeneRAG(image_weight=1, backbone=Truth(genes, rng.random((56, 30))))
        .fit(references)
        .predict(queries)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*(p.expression for p in predictions))
    assert (predictions[0].certificate["from_morphology"] == 1).all()


def test_image_weight_needs_embeddings_on_both_sides(references, queries):
    bare = replace(references, embeddings=None, encoder=None)
    with pytest.raises(InputError, match="bank has no embeddings"):
        FAST.fit(bare)
    spots = Spots(queries.slide, queries.spots, queries.xy)
    with pytest.raises(InputError, match="queries of 'toy4' have no embeddings"):
        FAST.fit(references).predict(spots)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_weight": 1.5}, r"image_weight must be in \[0, 1\]"),
        ({"image_weight": -0.1}, r"image_weight must be in \[0, 1\]"),
        ({"image_weight": float("nan")}, r"image_weight must be in \[0, 1\]"),
        ({"strength": -1.0}, "strength must be finite and not negative"),
        ({"ridge_share": 2.0}, r"ridge_share must be in \[0, 1\]"),
        ({"ridge_share": 1.0}, r"(?s)no strength makes.*relative=False"),
        ({"scale": "tpm"}, "unknown expression scale"),
        ({"scaling": "z"}, "unknown scaling"),
        ({"anchors": "hvg"}, "unknown anchors"),
        ({"missing": "skip"}, "unknown missing"),
        ({"n_anchors": 0}, "n_anchors must be at least 1"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(InputError, match=message):
        GeneRAG(**changes)


def test_ridge_alone_with_an_absolute_strength(references, queries):
    method = replace(FAST, ridge_share=1.0, strength=0.1, relative=False, positive=False)
    citations = method.fit(references).predict(queries).citations
    assert (citations.n_active == references.n_references).all()


def test_a_strength_beyond_every_peak_cites_nothing_and_just_below_cites(references, queries):
    nothing = replace(FAST, strength=1e30, relative=False).fit(references).predict(queries)
    assert nothing.citations.weights.nnz == 0
    # Nothing cited: no weight lies on references that measured the gene, so all is missing.
    assert nothing.missing.all()
    assert (
        replace(FAST, strength=0.9).fit(references).predict(queries).citations.n_active > 0
    ).all()


def test_one_reference(references, queries):
    first = references.references.iloc[:1]
    one = replace(
        references.select(["toy1"]),
        expression=references.select(["toy1"]).expression[:1],
        references=first,
        embeddings=references.embeddings[:1],
        thumbnails=None,
    )
    genes = one.genes[:30]
    method = GeneRAG(backbone=Truth(genes, np.ones((56, 30))), image_weight=0.5)
    prediction = method.fit(one).predict(queries)
    assert prediction.citations.references.index.tolist() == [first.index[0]]


def test_excluded_donors_never_carry_weight(toy_bank, queries):
    rest = toy_bank.without(donors=["donor2"])
    cited = FAST.fit(rest).predict(queries).citations.references
    assert set(cited["donor"]) == {"donor1"}


def test_adding_a_slide_that_is_excluded_changes_nothing(toy_bank, references, queries, prediction):
    again = FAST.fit(toy_bank.without(slides=["toy4"])).predict(queries)
    np.testing.assert_array_equal(again.expression, prediction.expression)


def test_empty_spots_are_never_cited(references, queries):
    matrix = references.expression.tolil()
    matrix[[3, 80]] = 0
    counts = references.references.copy()
    counts.iloc[[3, 80], counts.columns.get_loc("total_counts")] = 0
    bank = replace(references, expression=matrix.tocsr(), references=counts)
    cited = replace(FAST, strength=0.001).fit(bank).predict(queries).citations.references.index
    assert not set(references.references.index[[3, 80]]) & set(cited)


@given(seed=st.integers(0, 10**6))
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_permuting_references_permutes_weights(references, queries, seed):
    order = np.random.default_rng(seed).permutation(references.n_references)
    shuffled = replace(
        references,
        expression=references.expression[order],
        references=references.references.iloc[order],
        embeddings=references.embeddings[order],
        thumbnails=None,
    )
    genes = references.genes[references.measured_everywhere][:40]
    values = np.abs(np.random.default_rng(seed).normal(1, 1, (56, 40))).astype(np.float32)
    method = replace(EXACT, backbone=Truth(genes, values))
    one, two = (method.fit(bank).predict(queries).citations for bank in (references, shuffled))

    def named(citations):
        table = citations.weights.toarray()
        return {name: table[:, i] for i, name in enumerate(citations.references.index)}

    first, second = named(one), named(two)
    for name in first.keys() | second.keys():
        zero = np.zeros(56)
        np.testing.assert_allclose(first.get(name, zero), second.get(name, zero), atol=1e-4)


def test_anchors_as_a_list(references, queries):
    names = references.genes[references.measured_everywhere][:25].tolist()
    assert replace(FAST, anchors=names).fit(references).anchors.tolist() == names
    with pytest.raises(InputError, match=r"(?s)1 of 26 anchor genes.*missing: NOPE"):
        replace(FAST, anchors=[*names, "NOPE"]).fit(references)
    kept = replace(FAST, anchors=[*names, "NOPE"], missing="drop").fit(references)
    assert kept.anchors.tolist() == names


def test_slow_reference_solver_plugs_in(references, queries):
    few = replace(queries, vectors=queries.vectors[:2], spots=queries.spots[:2], xy=queries.xy[:2])
    small = references.select(["toy1"])
    values = [
        replace(FAST, solver=solver, strength=0.5, n_anchors=40).fit(small).predict(few).expression
        for solver in (CoordinateDescent(tol=1e-8), WorkingSet(tol=1e-8))
    ]
    np.testing.assert_allclose(*values, atol=1e-3)


def test_model_wrapper_is_recorded(references, queries):
    genes = references.genes[references.measured_everywhere][:10]
    model = Model(lambda vectors: vectors[:, :10] ** 2, genes, "log1p_cp10k")
    record = replace(FAST, backbone=model).fit(references).predict(queries).record
    assert record["bank"] == references.fingerprint
    assert record["settings"]["image_weight"] == FAST.image_weight


THREADS = """
import sys
import numpy as np
from spatialrag.bank.build import build_bank
from spatialrag.expression.cohort import read_cohort
from spatialrag.prediction.generag import GeneRAG

bank = build_bank(read_cohort(sys.argv[1]), encoder="color", thumbnail_px=0)
fitted = GeneRAG(n_anchors=60).fit(bank.without(slides=["toy4"]))
prediction = fitted.predict(bank.embeddings_of("toy4"))
np.savez(
    sys.argv[2],
    vectors=bank.embeddings,
    weights=prediction.citations.weights.toarray(),
    expression=prediction.expression,
)
"""


def test_gene_unmeasured_by_most_of_the_weight_is_missing_not_zero():
    rng = np.random.default_rng(0)
    shared = [f"S{i}" for i in range(12)]

    def section(slide, extra):
        genes = shared + extra
        counts = rng.poisson(5, (20, len(genes))) + 1
        spots = [f"s{i}" for i in range(20)]
        return Section(slide, slide, counts.astype(float), genes, spots)

    bank = join_banks(
        [bank_of_section(section("one", ["RARE"])), bank_of_section(section("two", []))]
    )
    truth = bank.select(["two"]).on_scale("log1p_cp10k")[:5]
    names = np.array([gene for gene in bank.genes if gene != "RARE"])
    backbone = Truth(names, truth[:, np.searchsorted(bank.select(["two"]).genes, names)].toarray())
    spots = Spots("q", [f"q{i}" for i in range(5)], np.arange(10.0).reshape(5, 2))
    method = GeneRAG(image_weight=0, backbone=backbone, strength=0.01)
    prediction = method.fit(bank).predict(spots)
    rare = list(prediction.genes).index("RARE")
    coverage = prediction.citations.coverage
    np.testing.assert_allclose(np.delete(coverage, rare, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(prediction.missing[:, rare], coverage[:, rare] < 0.5)
    assert prediction.missing[:, rare].any()
    # The queries are spots of the slide that lacks the gene: they cite mostly themselves.
    assert coverage[:, rare].mean() < 0.5


def test_value_is_exactly_the_weighted_sum_of_measured_spots(references, queries):
    prediction = GeneRAG(n_anchors=60, backbone="linear", smoothing=0.0).fit(references)
    prediction = prediction.predict(queries)
    rows = references.references.index.get_indexer(prediction.citations.references.index)
    measured = references.on_scale("log1p_cp10k")[rows]
    expected = prediction.citations.weights @ measured
    present = ~prediction.missing
    np.testing.assert_allclose(
        prediction.expression[present], expected.toarray()[present], rtol=1e-5, atol=1e-6
    )
    assert prediction.uncited_share == 0


def test_a_share_of_every_value_is_of_smoothed_references(references, queries):
    """Of genes that all slides measured, against all principal components by a dense SVD."""
    settings = GeneRAG(n_anchors=60, backbone="linear", smoothing=0.6, components=5)
    prediction = settings.fit(references).predict(queries)
    everywhere, usable = references.measured_everywhere, ~references.empty
    measured = references.on_scale("log1p_cp10k")[usable][:, everywhere].toarray().astype(float)
    mean = measured.mean(axis=0)
    left, values, right = np.linalg.svd(measured - mean, full_matrices=False)
    smooth = np.maximum((left[:, :5] * values[:5]) @ right[:5] + mean, 0)
    cited = references.references.index[usable].get_indexer(prediction.citations.references.index)
    expected = prediction.citations.weights @ (0.4 * measured + 0.6 * smooth)[cited]
    found = prediction.expression[:, everywhere]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_certificate_of_every_spot(prediction):
    table = prediction.certificate
    assert (table["gap"] >= 0).all()
    assert (table["relative_gap"] <= 1e-6).all()
    assert set(table["status"]) == {"converged"}
    np.testing.assert_allclose(table["from_morphology"] + table["from_anchors"], 1)
    citations = prediction.citations
    assert (citations.effective_number <= citations.n_active + 1e-9).all()


def test_one_fit_serves_a_grid_of_weights_and_strengths(references, queries):
    grid = [replace(EXACT, image_weight=w, strength=s) for w in (0.0, 0.3, 1.0) for s in (0.1, 0.4)]
    fitted = replace(EXACT, image_weight=0.5).fit(references)
    along = EXACT.solver.solve_path(fitted.problems(queries, grid))
    for method, solution in zip(grid, along, strict=True):
        alone = EXACT.solver.solve(method.fit(references).problem(queries))
        np.testing.assert_allclose(
            solution.weights.toarray(), alone.weights.toarray(), atol=1e-4 * alone.weights.max()
        )
    with pytest.raises(InputError, match="a block that was not fitted"):
        replace(EXACT, image_weight=0.0).fit(references).problems(queries, grid)


def test_duplicate_queries_get_equal_answers(references, queries):
    double = replace(
        queries,
        vectors=np.concatenate([queries.vectors[:5]] * 2),
        spots=np.array([f"{i}" for i in range(10)]),
        xy=np.concatenate([queries.xy[:5]] * 2),
    )
    values = FAST.fit(references).predict(double).expression
    np.testing.assert_allclose(values[:5], values[5:], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_across_thread_counts_results_differ_by_rounding_alone(toy_table, tmp_path):
    """The bounds that docs/guide/determinism.md states; with one count, the same bytes."""
    found = {}
    for run, threads in {"one": "1", "two": "2", "again": "2"}.items():
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        subprocess.run(
            [sys.executable, "-c", THREADS, toy_table, tmp_path / f"{run}.npz"],
            env=os.environ | dict.fromkeys(names, threads),
            check=True,
        )
        found[run] = dict(np.load(tmp_path / f"{run}.npz"))
    for name, values in found["two"].items():
        np.testing.assert_array_equal(values, found["again"][name])
    np.testing.assert_allclose(found["one"]["vectors"], found["two"]["vectors"], atol=1e-6)
    np.testing.assert_allclose(found["one"]["expression"], found["two"]["expression"], atol=1e-4)
    weights = [found[run]["weights"] for run in ("one", "two")]
    np.testing.assert_allclose(*weights, atol=1e-4)
    assert weights[0].max() > 1e-2
