"""What version 0.1 wrote is read, and its numbers are found again.

`tests/fixtures/v0_1/make.py` says how the files were made. A later version that cannot read one
has to refuse it and name what converts it; the test of that file then checks this.
"""

import json
import zipfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.bank.bank import section_of
from spatialrag.bank.store import read_bank, verify_bank
from spatialrag.cells.store import read_cells, verify_cells
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.tissue import Tissue
from spatialrag.evaluation.loso import loso
from spatialrag.evaluation.methods import standard_rows
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.scores import evaluate
from spatialrag.explanation.explanation import explain
from spatialrag.metrics.domains import domain_scores
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import read_prediction
from spatialrag.solvers.working_set.working_set import WorkingSet
from spatialrag.workflow.recipe import read_recipe
from spatialrag.workflow.results import read_results

FIXTURES = Path(__file__).parent / "fixtures" / "v0_1"
pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason="source distributions do not hold the fixtures"
)


def close(found, expected, rtol=1e-6, atol=1e-6):
    """Compare numbers; None stands for a missing one."""
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(expected, float), rtol=rtol, atol=atol
    )


def same_values(prediction, reference, **tolerance):
    rows = pd.Index(prediction.spots).get_indexer(reference["spots"])
    found = prediction.values_of(np.array(reference["genes"]))[rows]
    close(found, reference["values"], **tolerance)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of unpacked files."""
    root = tmp_path_factory.mktemp("v0_1")
    for path in FIXTURES.glob("*.zip"):
        zipfile.ZipFile(path).extractall(root)
    return root


@pytest.fixture(scope="module")
def reference():
    return json.loads((FIXTURES / "reference.json").read_text())


@pytest.fixture(scope="module")
def bank(kept):
    return read_bank(kept / "bank.zarr")


@pytest.fixture(scope="module")
def cells(kept):
    return read_cells(kept / "cells.zarr")


@pytest.fixture(scope="module")
def references(bank, reference):
    return bank.without(slides=[reference["query"]])


@pytest.fixture(scope="module")
def queries(bank, reference):
    return bank.embeddings_of(reference["query"])


@pytest.fixture(scope="module")
def prediction(kept):
    return read_prediction(kept / "prediction.h5ad")


def test_bank(kept, bank, reference):
    expected = reference["bank"]
    assert verify_bank(kept / "bank.zarr").fingerprint == expected["fingerprint"]
    assert bank.slides["hash"].to_dict() == expected["hashes"]
    assert bank.slides["donor"].to_dict() == expected["donors"]
    assert (bank.n_references, len(bank.genes)) == (expected["n_references"], expected["n_genes"])
    assert bank.measured.sum(axis=0).tolist() == expected["measured"]
    encoder = {name: getattr(bank.encoder, name) for name in expected["encoder"]}
    assert encoder == expected["encoder"]
    assert list(bank.thumbnails.shape) == expected["thumbnails"]
    rows = expected["rows"]
    close(bank.expression[rows].toarray()[:, :10], expected["expression"])
    close(bank.embeddings[rows, :6], expected["embeddings"])
    close(bank.references["total_counts"].iloc[rows], expected["total_counts"])


def test_cells(kept, cells, reference):
    expected = reference["cells"]
    assert verify_cells(kept / "cells.zarr").fingerprint == expected["fingerprint"]
    assert cells.datasets["hash"].to_dict() == expected["hashes"]
    assert (cells.n_cells, cells.pseudo.sum()) == (expected["n_cells"], expected["n_pseudo"])
    assert cells.types.tolist() == expected["types"]
    means, seen = cells.type_means(cells.genes[:8], cells.types)
    close(means, expected["type_means"])
    close(seen, expected["seen"])


def test_prediction_with_its_evidence(prediction, reference):
    expected = reference["generag"]
    same_values(prediction, expected)
    assert prediction.scale == expected["settings"]["scale"]
    assert prediction.missing.sum() == expected["n_missing"] > 0
    assert prediction.record["bank"]
    assert prediction.thumbnails.shape == (30, 8, 8, 3)
    assert prediction.tissue.pixels.shape[1] == 60
    citations = prediction.require_citations()
    assert citations.n_active.tolist() == expected["n_active"]
    close(citations.effective_number, expected["effective_number"])
    close(prediction.certificate["objective"], expected["objective"])
    close(
        citations.sum_expression()[~prediction.missing], prediction.expression[~prediction.missing]
    )
    # What each removal changed was wrong in 0.1; it is still read.
    assert len(citations.removals) == expected["n_removals"]
    assert {"spot", "removed", "reference", "weight"} <= set(citations.removals)


def test_explanation_of_a_kept_prediction(prediction, reference):
    expected = reference["generag"]["explained"]
    why = explain(prediction, spot=expected["spot"], gene=expected["gene"])
    close([why.value, why.cited_value], [expected["value"]] * 2)
    first = why.citations.iloc[0]
    assert (first["reference"], len(why.citations)) == (expected["first"], expected["n_citations"])
    close(first[["weight", "contribution"]], [expected["weight"], expected["contribution"]])
    assert why.thumbnails is not None


def test_a_kept_prediction_has_the_scores_it_had(prediction, bank, references, reference):
    expected = reference["generag"]
    section = section_of(bank, reference["query"])
    panel = fix_panel(references, section.genes, n_core=40, n_global=150)
    assert panel.genes.tolist() == expected["panel"]
    scores = evaluate(prediction, section, panel=panel).summary
    for group, values in expected["scores"].items():
        close([scores[group][name] for name in values], list(values.values()))


def test_generag_on_a_kept_bank_finds_the_same(references, queries, reference):
    expected = reference["generag"]
    # Centring and smoothing came later: the file was made without.
    settings = expected["settings"] | {"centring": 0.0, "smoothing": 0.0}
    fitted = GeneRAG(**settings, solver=WorkingSet(tol=1e-12)).fit(references)
    again = fitted.predict(queries)
    same_values(again, expected)
    close(again.certificate["objective"], expected["objective"])
    close(again.certificate["from_morphology"], expected["from_morphology"], atol=1e-5)


def test_controls_on_a_kept_bank_find_the_same(bank, reference):
    expected = reference["controls"]
    settings = GeneRAG(
        n_anchors=60, backbone="linear", centring=0.0, smoothing=0.0, image_weight=0.05
    )
    rows = [row for row in standard_rows(settings, bank) if row.name in expected]
    report = loso(bank, rows=rows, slides=[reference["query"]], n_core=40, n_global=150)
    found = report.slides[reference["query"]]
    for name, groups in expected.items():
        for group, values in groups.items():
            close([found[name][group][metric] for metric in values], list(values.values()))


def test_annotated_spots(kept, bank, reference):
    adata = ad.read_h5ad(kept / "annotated.h5ad")
    expected = reference["annotated"]
    record = adata.uns["spatialrag"]
    assert dict(record) == {"layer": "predicted", "scale": "log1p_cp10k", "slide": "toy4"}
    layer = adata.to_df(layer="predicted").loc[expected["spots"]]
    genes = [name for name in expected["genes"] if name in layer]
    close(layer[genes], pd.DataFrame(expected["values"], columns=expected["genes"])[genes])
    section = section_of(bank, reference["query"])
    assert (section.expression != adata.X).nnz == 0
    whole = adata[:, np.isfinite(adata.layers["predicted"]).all(axis=0)].copy()
    tissue = Tissue.from_anndata(whole, layer="predicted", scale=expected["scale"])
    assert tissue.scale == "log1p_cp10k"
    close(tissue.expression.toarray(), np.maximum(whole.layers["predicted"], 0))


def test_ragst(kept, cells, references, queries, reference):
    pytest.importorskip("torch")
    from spatialrag.prediction.ragst.store import read_ragst

    expected = reference["ragst"]
    fitted = read_ragst(kept / "ragst.safetensors", bank=references, cells=cells)
    found = fitted.predict(queries)
    # float32 sums: another processor adds in another order.
    same_values(found, expected, rtol=1e-5, atol=1e-5)
    close(found.uncited_share, expected["uncited_share"], rtol=1e-4)
    for name, shares in expected["shares"].items():
        close(found.certificate[name], shares)


def test_trained_backbone(kept, references, queries, reference):
    pytest.importorskip("torch")
    from spatialrag.prediction.backbones.store import read_backbone

    expected = reference["backbone"]
    trained = read_backbone(kept / "backbone.safetensors", bank=references)
    assert trained.genes.tolist() == expected["genes"]
    assert trained.scale == expected["scale"]
    close(trained.predict(queries)[::7], expected["values"], rtol=1e-5, atol=1e-5)


def test_experiment(kept, reference):
    out = kept / "experiment"
    expected = reference["experiment"]
    recipe = read_recipe(out / "recipe.toml")
    record = json.loads((out / "recipe.json").read_text())
    assert record["recipe"]["title"] == recipe.title
    assert record["banks"] == {"color": record["banks"]["color"]}
    kept_scores = json.loads((out / "scores.json").read_text())
    cohort = pd.DataFrame.from_dict(kept_scores["cohort"], orient="index")
    results = read_results(recipe, sorted((out / "units").iterdir()), cohort)
    assert len(results.scores) == expected["n_rows"] == len(kept_scores["scores"])
    scores = results.scores.set_index(["leave", "slide", "method"])
    for row in expected["rows"]:
        found = scores.loc[(row["leave"], row["slide"], row["method"])]
        for metric in ("core pcc_10", "core mse", "global pcc_10"):
            close(found[metric], row[metric])
    assert results.folds == [("color", "slide"), ("color", "donor")]
    # Of what is written again, the cohort is what it was.
    (kept / "again").mkdir()
    results.write(kept / "again")
    assert (
        json.loads((kept / "again" / "scores.json").read_text())["cohort"]
        == (kept_scores["cohort"])
    )


def test_domains(kept, reference):
    adata = ad.read_h5ad(kept / "domains.h5ad")
    expected = reference["domains"]
    for key, sizes in (("semst", "sizes"), ("smooth", "smooth_sizes")):
        labels = adata.obs[f"domain_{key}"]
        assert labels.value_counts().to_dict() == expected[sizes]
        assert len(adata.uns[f"domain_{key}_colors"]) == 3
        assert json.loads(adata.uns[key]["record"])["settings"]
        slots = adata.uns["spatial_neighbors"]
        assert adata.obsp[slots["connectivities_key"]].nnz > 0
    close(adata.obsm["X_semst"][:3, :8], expected["embedding"])
    truth = adata.obs["stripe"].to_numpy(str)
    scores = domain_scores(truth, adata.obs["domain_semst"].to_numpy(str))
    close([scores[name] for name in expected["scores"]], list(expected["scores"].values()))
    # The control is found again from the counts that were kept.
    smooth = SmoothedPCA(k=8).fit_predict(Tissue.from_anndata(adata), n_domains=3)
    scores = domain_scores(truth, smooth.labels)
    close(
        [scores[name] for name in expected["smooth_scores"]],
        list(expected["smooth_scores"].values()),
    )
