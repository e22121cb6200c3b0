"""The whole way from a file to domains, on small files as people have them."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.graphs.spatial import spatial_graph
from spatialrag.jobs.domain_methods import SemSTOptions
from spatialrag.jobs.domains import (
    DomainsRequest,
    Expression,
    run_domains,
)

CASES = Path(__file__).parents[3] / "shared/cases/domains"
realdata = [
    pytest.mark.realdata,
    pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases/domains"),
]
FAST = "smoothed_pca"


def cells(path, n=14, **obs):
    """Two halves of a grid with their own genes."""
    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) * 1.0
    left = xy[:, :1] < n / 2
    rates = np.where(left, [[1.0] * 10 + [6.0] * 10], [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rates).astype(np.float32), obsm={"spatial": xy})
    adata.obs["layer"] = np.where(left[:, 0], "left", "right")
    for name, values in obs.items():
        adata.obs[name] = values
    adata.write_h5ad(path)
    return path


def run(data, tmp_path, **options):
    options = {"n_domains": 2, "method": FAST} | options
    return run_domains(DomainsRequest(data, tmp_path / "out.h5ad", **options))


def test_domains_are_written_with_what_was_said(tmp_path):
    n = 196
    label = np.array(["a", "NA ", "undetermined", "edge"], object)[np.arange(n) % 4]
    data = cells(tmp_path / "in.h5ad", in_tissue=(np.arange(n) > 9).astype(int), t=label)
    result = run(data, tmp_path, truth="t", unlabelled=("edge",), json=tmp_path / "facts.json")
    written = ad.read_h5ad(tmp_path / "out.h5ad")
    assert written.n_obs == n - 10
    assert written.obs["domain_smoothed_pca"].nunique() == 2
    said = "".join(result.notes)
    assert "10 of 196 spots of in.h5ad outside the tissue left out" in said
    assert "140 of 186 spots without annotation not scored" in said
    assert result.scores["smoothed_pca"]["n_scored"] == 46
    assert "outside the tissue" in written.uns["smoothed_pca"]["notes"]
    assert "outside the tissue" in (tmp_path / "facts.json").read_text()


def test_cells_at_one_place_go_on(tmp_path):
    data = ad.read_h5ad(cells(tmp_path / "in.h5ad"))
    data.obsm["spatial"] = np.floor(data.obsm["spatial"] / 2)
    data.write_h5ad(tmp_path / "in.h5ad")
    result = run(tmp_path / "in.h5ad", tmp_path, truth="layer")
    assert result.scores["smoothed_pca"]["ari"] > 0.6
    assert any("196 of 196 spots share their place" in note for note in result.notes)


def test_domains_that_follow_sections_are_told(tmp_path):
    data = ad.read_h5ad(cells(tmp_path / "in.h5ad"))
    data.obs["sample"] = data.obs["layer"]
    data.write_h5ad(tmp_path / "in.h5ad")
    result = run(tmp_path / "in.h5ad", tmp_path, expression=Expression(section="sample"))
    assert any("domains follow sections" in note for note in result.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truth": "region"}, "no 'region'"),
        ({"method": "best"}, "unknown method"),
        ({"semst": SemSTOptions(epochs=3)}, "does not take --epochs"),
        ({"method": "consensus", "semst": SemSTOptions(preset="paper")}, "take --preset"),
        ({"n_domains": 197}, "1 to 196"),
        ({"n_domains": 0}, "1 to 196"),
        ({"gene_sets": Path("x.gmt")}, "needs --markers"),
        ({"expression": Expression(layer="raw")}, "no layer 'raw'"),
        ({"markers": Path("in.h5ad/markers.csv")}, "cannot be written"),
    ],
)
def test_what_is_refused_before_the_work(tmp_path, monkeypatch, options, message):
    data = cells(tmp_path / "in.h5ad")

    def work(*_, **__):
        raise AssertionError("worked")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spatialrag.domains.controls.PCA.fit_transform", work)
    with pytest.raises(InputError, match=message):
        run(data, tmp_path, **options)
    assert not (tmp_path / "out.h5ad").exists()


REFUSED = [
    ("01-z-column/z.h5ad", {}, "more than two vary"),
    ("03-two-sections-no-key/two.h5ad", {}, "--section"),
    ("04-section-missing/secnan.h5ad", {"section": "sample"}, "40 of 392 spots have no section"),
    ("09-x-none/xnone.h5ad", {}, "counts"),
    ("11-places-as-text/na.h5ad", {}, "row 's"),
    ("16-one-gene/one_gene.h5ad", {}, "two genes"),
    ("17-not-readable/text.h5ad", {}, "expected: an AnnData file"),
    ("17-not-readable/truncated.h5ad", {}, "truncated.h5ad"),
    ("18-small-section/sec5.h5ad", {"section": "sample"}, "of section B"),
    ("19-linear-as-logs/cpx.h5ad", {"scale": "log1p_cp10k"}, "9.21"),
]


@pytest.mark.parametrize(("file", "options", "message"), REFUSED)
@pytest.mark.parametrize("mark", [pytest.param(None, marks=realdata)])
def test_cases_that_are_refused(tmp_path, file, options, message, mark):
    with pytest.raises(InputError) as refused:
        run(CASES / file, tmp_path, n_domains=3, expression=Expression(**options))
    assert message in str(refused.value)
    assert not (tmp_path / "out.h5ad").exists()


READ = [
    ("02-id-column/id_x_y.h5ad", {}),
    ("03-two-sections-no-key/two.h5ad", {"section": "sample"}),
    ("07-loess/low.h5ad", {"n_genes": 200}),
    ("08-reserved-index/seurat.h5ad", {}),
    ("09-x-none/xnone.h5ad", {"layer": "counts"}),
    ("10-in-tissue-text/it.h5ad", {}),
]


@pytest.mark.parametrize(("file", "options"), READ)
@pytest.mark.parametrize("mark", [pytest.param(None, marks=realdata)])
def test_cases_that_are_read(tmp_path, file, options, mark):
    result = run(CASES / file, tmp_path, n_domains=3, expression=Expression(**options))
    written = ad.read_h5ad(tmp_path / "out.h5ad")
    assert written.obs["domain_smoothed_pca"].nunique() == 3
    if "07" in file:
        assert any("variable genes" in note for note in result.notes)
    if "02" in file:
        frame = ad.read_h5ad(CASES / file).obsm["spatial"].loc[written.obs_names]
        np.testing.assert_array_equal(written.obsm["spatial"], frame[["x", "y"]])


@pytest.mark.parametrize("mark", [pytest.param(None, marks=realdata)])
def test_case_of_truth_as_text(tmp_path, mark):
    result = run(CASES / "15-truth-na-text/truth_na.h5ad", tmp_path, n_domains=3, truth="t")
    assert any("28 of 196 spots without annotation" in note for note in result.notes)


@pytest.mark.parametrize("mark", [pytest.param(None, marks=realdata)])
def test_cases_of_stray_spots_and_array_indices(mark):
    def edges(file):
        found = ad.read_h5ad(CASES / file)
        graph = spatial_graph(found.obsm["spatial"], kind="auto", spots=found.obs_names)
        return graph.connectivities

    grid, stray = edges("05-stray-spot/grid.h5ad"), edges("05-stray-spot/grid_one_stray.h5ad")
    assert (grid != stray).nnz <= 16
    assert stray.nnz > 0
    with pytest.warns(UserWarning, match="array indices"):
        array = edges("06-array-coordinates/array.h5ad")
    assert (array != edges("06-array-coordinates/pixels.h5ad")).nnz == 0


def test_the_default_is_the_consensus(tmp_path):
    data = cells(tmp_path / "in.h5ad")
    result = run(data, tmp_path, method=None, truth="layer")
    written = ad.read_h5ad(tmp_path / "out.h5ad")
    assert result.method == "consensus"
    assert result.scores["consensus"]["ari"] > 0.9
    assert written.obs["domain_consensus"].nunique() == 2
    np.testing.assert_allclose(
        written.obs["domain_confidence"], 1 - written.obs["domain_entropy"], atol=1e-9
    )


def test_options_of_semst_mean_semst_and_say_so(tmp_path):
    pytest.importorskip("torch")
    data = cells(tmp_path / "in.h5ad", n=8)
    result = run(data, tmp_path, method=None, semst=SemSTOptions(epochs=2))
    assert result.method == "semst"
    assert any("--epochs belong to SemST" in note for note in result.notes)
    assert "domain_semst" in ad.read_h5ad(tmp_path / "out.h5ad").obs
