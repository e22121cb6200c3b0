import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.prediction.generag import GeneRAG


@pytest.fixture
def bank(run, toy_table, toy_cache, work):
    path = work / "bank.zarr"
    if not path.exists():
        arguments = ["--slides", toy_table, "--encoder", "color", "--cache", toy_cache]
        code, _, err = run("bank", "build", path, *arguments, "--sections", "toy1,toy2,toy3")
        assert code == 0, err
    return path


@pytest.fixture
def prediction(run, bank, toy_cache, toy_sections, work):
    path = work / "prediction.h5ad"
    if not path.exists():
        section = toy_sections[3]
        spots = pd.DataFrame(section.xy, section.spots, ["x", "y"])
        spots.to_csv(work / "spots.csv")
        code, _, err = run(
            "predict", bank, path, "--slide", "toy4", "--spots", work / "spots.csv",
            "--image", section.image, "--mpp", 1, "--encoder", "color", "--removed", 1,
            "--cache", toy_cache, "--json", work / "predict.json",
        )  # fmt: skip
        assert code == 0, err
    return path


@pytest.mark.parametrize(
    "verb", ["demo", "doctor", "bank", "embed", "predict", "explain", "evaluate", "loso", "domains"]
)
def test_help_of_every_verb(run, verb):
    code, out, _ = run(verb, "--help")
    assert code == 0
    assert "Usage" in out
    if verb in {"embed", "predict", "loso"}:
        assert "µm" in out


def test_version_and_doctor(run):
    assert run("--version")[1].startswith("spatialrag ")
    code, out, _ = run("doctor")
    assert code == 0
    assert "encoders: color, conch, " in out


def test_bank_life(run, bank, toy_table, toy_cache, work):
    code, out, _ = run("bank", "info", bank, "--json", work / "info.json")
    assert code == 0
    assert "toy3" in out
    before = json.loads((work / "info.json").read_text())
    arguments = ["--slides", toy_table, "--sections", "toy4", "--cache", toy_cache]
    assert run("bank", "add", bank, *arguments, "--encoder", "color")[0] == 0
    assert "verified" in run("bank", "verify", bank)[1]
    removal = ("bank", "remove", bank, "--slide", "toy4", "--json", work / "info.json")
    code, _, err = run(*removal)
    assert code == 2
    assert "info.json exists" in err
    assert run(*removal, "--overwrite")[0] == 0
    assert json.loads((work / "info.json").read_text()) == before


def test_predict_explain_evaluate(run, bank, prediction, toy_table, work):
    facts = json.loads((work / "predict.json").read_text())
    assert facts["spots"] == 56
    assert facts["largest_relative_gap"] <= 1e-6
    spot, gene = "3x3", ad.read_h5ad(prediction).var_names[0]
    code, out, _ = run(
        "explain", prediction, "--spot", spot, "--gene", gene,
        "--csv", work / "c.csv", "--figure", work / "c.png", "--json", work / "c.json",
    )  # fmt: skip
    assert code == 0
    assert f"{gene} in spot 3x3 of toy4" in out
    found = json.loads((work / "c.json").read_text())
    assert found["cited_value"] == pytest.approx(found["value"], rel=1e-5)
    assert len(pd.read_csv(work / "c.csv")) == len(found["citations"])
    assert (work / "c.png").stat().st_size > 5000
    measured = toy_table.parent / "expression" / "toy4.h5ad"
    code, out, _ = run(
        "evaluate", prediction, bank, "--measured", measured, "--core", 50, "--global", 200,
        "--json", work / "e.json",
    )  # fmt: skip
    assert code == 0
    scores = json.loads((work / "e.json").read_text())["scores"]
    assert scores["GeneRAG"]["core"]["pcc_10"] > scores["mean_profile"]["core"]["pcc_10"] == 0
    assert (
        scores["GeneRAG"]["core"]["n_above_null"] > scores["mean_profile"]["core"]["n_above_null"]
    )
    assert scores["null_smooth"]["core"]["pcc_10"] > scores["null"]["core"]["pcc_10"] > 0
    assert out.index("depth_oracle") < out.index("GeneRAG")
    assert "Smooth random maps: 200 for each predicted one, on 56 spots." in out
    regions = pd.DataFrame({"region": ["a"] * 28 + ["b"] * 28}, ad.read_h5ad(measured).obs_names)
    regions.to_csv(work / "regions.csv")
    code, out, _ = run(
        "evaluate", prediction, bank, "--measured", measured, "--core", 50, "--global", 200,
        "--regions", work / "regions.csv",
    )  # fmt: skip
    assert code == 0
    assert "share of the region's 20 measured markers" in " ".join(out.split())


def test_pixel_size_by_the_pitch_of_the_spots(run, bank, prediction, toy_sections, work):
    section = toy_sections[3]
    distance = np.linalg.norm(section.xy[:, None] - section.xy, axis=2)
    pitch = float(np.median(np.sort(distance, axis=1)[:, 1]))
    arguments = ["--slide", "toy4", "--image", section.image, "--encoder", "color"]
    given = ["--spots", work / "spots.csv", "--pitch-um", pitch, "--removed", 1]
    code, _, err = run("predict", bank, work / "pitch.h5ad", *arguments, *given)
    assert code == 0, err
    derived = ad.read_h5ad(work / "pitch.h5ad")
    np.testing.assert_array_equal(derived.X, ad.read_h5ad(prediction).X)
    code, _, err = run("predict", bank, work / "no.h5ad", *arguments, "--pitch-um", pitch)
    assert code == 2
    assert "--spots with it" in err
    assert not (work / "no.h5ad").exists()


def test_grid_over_the_tissue_when_no_spots_are_given(run, bank, toy_sections, work):
    code, out, err = run(
        "predict", bank, work / "grid.h5ad", "--slide", "q", "--image", toy_sections[3].image,
        "--mpp", 1, "--grid-um", 200, "--encoder", "color", "--removed", 0,
    )  # fmt: skip
    assert code == 0, err
    assert "references_per_spot" in out
    assert "spatial" in ad.read_h5ad(work / "grid.h5ad").uns


def test_someone_elses_predictions_need_no_image(run, bank, prediction, toy_sections, work):
    genes = ad.read_h5ad(prediction).var_names[:30]
    values = np.abs(np.random.default_rng(0).normal(1, 1, (56, 30)))
    np.save(work / "theirs.npy", values)
    (work / "genes.txt").write_text("\n".join(genes))
    (work / "names.txt").write_text("\n".join(toy_sections[3].spots))
    arguments = [
        "predict", bank, work / "theirs.h5ad", "--slide", "toy4", "--spots", work / "spots.csv",
        "--initial", work / "theirs.npy", "--initial-genes", work / "genes.txt",
        "--initial-spots", work / "names.txt", "--scale", "log1p", "--missing", "drop",
    ]  # fmt: skip
    code, _, err = run(*arguments)
    assert code == 2
    assert "scale of the predictions is unknown" in err
    code, out, err = run(*arguments, "--initial-scale", "log2p1")
    assert code == 0, err
    assert "image_weight: 0\n" in out


def test_loso_over_a_bank(run, little, work):
    code, _, err = run(
        "loso", "--bank", little, "--core", 30, "--global", 100, "--json", work / "loso.json",
        "--image-weights", "0,1", "--anchors", "coexpressed",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads((work / "loso.json").read_text())
    assert found["record"]["settings"]["anchors"] == "coexpressed"
    assert found["mean"]["generag"]["core"]["pcc_10"] > 0
    assert set(found["slides"]) == {"toy1", "toy2", "toy3"}
    assert {"generag_w0", "generag_w1", "depth_only", "null"} <= set(found["mean"])
    assert found["mean"]["depth_oracle"]["core"]["n_above_null"] >= 0
    assert found["mean"]["null_smooth"]["core"]["pcc_10"] > found["mean"]["null"]["core"]["pcc_10"]
    assert "null_smooth_pcc_10" in found["slides"]["toy2"]["generag"]["global"]
    assert (work / "loso.md").exists()


@pytest.mark.parametrize("given", ["variable", "coexpressed", "file"])
def test_anchors_by_rule_or_by_name(
    run, bank, prediction, toy_sections, toy_cache, references, work, given
):
    out, listed = work / f"{given}.h5ad", references.genes[references.measured_everywhere][5:45]
    (work / "anchors.txt").write_text("\n".join(listed))
    code, _, err = run(
        "predict", bank, out, "--slide", "toy4", "--spots", work / "spots.csv",
        "--image", toy_sections[3].image, "--mpp", 1, "--encoder", "color", "--removed", 0,
        "--cache", toy_cache, "--anchors", work / "anchors.txt" if given == "file" else given,
    )  # fmt: skip
    assert code == 0, err
    record = json.loads(ad.read_h5ad(out).uns["spatialrag"]["origin"])
    if given == "file":
        assert record["anchor_genes"] == listed.tolist()
    else:
        method = GeneRAG(anchors=given)
        assert record["anchor_genes"] == method.fit(references).anchors.tolist()


def test_embed_writes_what_precomputed_reads(run, toy_table, toy_cache, work):
    out = work / "vectors"
    code, _, err = run("embed", out, "--slides", toy_table, "--cache", toy_cache)
    assert code == 0, err
    assert len(list(out.iterdir())) == 4
    path = work / "other.zarr"
    code, _, err = run(
        "bank", "build", path, "--slides", toy_table, "--encoder", f"precomputed:{out}",
        "--context", 0,
    )  # fmt: skip
    assert code == 0, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bank", "info", "no.zarr"], "does not exist"),
        (["bank", "build", "b.zarr"], "which slides?"),
        (["bank", "remove", "BANK"], "what shall be removed?"),
        (["bank", "remove", "BANK", "--slide", "nope"], "slide 'nope' is not in the bank"),
        (["bank", "build", "BANK", "--slides", "x.csv"], "exists"),
        (["loso", "--slides", "no.csv"], "does not exist"),
        (["loso", "--slides", "no.csv", "--image-weights", "0,x"], "wants numbers separated"),
        (["loso", "--slides", "no.csv", "--image-weights", "0,2"], "image_weight must be in"),
        (
            ["loso", "--slides", "no.csv", "--leave", "spot"],
            "is not one of",
        ),
        (["explain", "no.h5ad", "--spot", "a", "--gene", "b"], "does not exist"),
        (["predict", "BANK", "o.h5ad", "--slide", "q", "--spots", "no.csv"], "does not exist"),
        (["predict", "BANK", "o.h5ad", "--slide", "q", "--device", "nonsense"], "'nonsense'"),
        (["predict", "BANK", "o.h5ad", "--slide", "q", "--anchors", "hvg"], "or a file of names"),
        (["loso", "--slides", "no.csv", "--anchors", "hvg"], "variable, coexpressed, or a file"),
    ],
)
def test_bad_input_ends_with_code_2_and_a_message(run, bank, arguments, message):
    code, _, err = run(*(str(bank) if word == "BANK" else word for word in arguments))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_wrong_encoder_or_mpp_stops_before_work(run, bank, prediction, toy_sections, work):
    common = ["predict", bank, work / "x.h5ad", "--slide", "toy4", "--spots", work / "spots.csv"]
    common += ["--image", toy_sections[3].image]
    code, _, err = run(*common, "--mpp", 3)  # color is taken from the bank
    assert code == 2
    assert "outside the bank's" in err
    code, _, err = run(*common, "--encoder", "color")
    assert code == 2
    assert "pixel size of slide 'toy4' is unknown" in err
    code, _, err = run(*common, "--mpp", 1, "--encoder", "color", "--image-weight", 2)
    assert code == 2
    assert "image_weight must be in" in err
    assert not (work / "x.h5ad").exists()


@pytest.fixture
def stripes(tmp_path):
    rng = np.random.default_rng(0)
    xy = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=-1).reshape(-1, 2)
    truth = np.where(xy[:, 0] < 6, "left", "right")
    rate = np.where(xy[:, :1] < 6, [[1.0] * 10 + [6.0] * 10], [[6.0] * 10 + [1.0] * 10])
    adata = ad.AnnData(rng.poisson(rate).astype(np.float32), obsm={"spatial": xy})
    adata.var_names = [f"G{i}" for i in range(20)]
    adata.obs["layer"] = truth
    adata.obs["layer"] = adata.obs["layer"].where(np.arange(144) > 3)
    adata.write_h5ad(tmp_path / "in.h5ad")
    return tmp_path / "in.h5ad"


def test_domains(run, stripes, tmp_path):
    pytest.importorskip("torch")
    out, found = tmp_path / "out.h5ad", tmp_path / "found.json"
    code, text, err = run(
        "domains", stripes, "--n-domains", 2, "--out", out, "--json", found, "--truth", "layer",
        "--semantics", "random", "--epochs", 20, "--figure", tmp_path / "map.png",
        "--markers", tmp_path / "markers.csv",
    )  # fmt: skip
    assert code == 0, err
    content = json.loads(found.read_text())
    assert content["scores"]["semst"]["ari"] > 0.9
    assert content["scores"]["semst"]["n_scored"] == 140
    assert set(content["scores"]) == {"semst", "smoothed_pca", "pca"}
    assert "against annotation" in text
    assert ad.read_h5ad(out).obs["domain_semst"].nunique() == 2
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert len(pd.read_csv(tmp_path / "markers.csv")) == 40


def test_domains_bad_input(run, stripes, tmp_path):
    pytest.importorskip("torch")
    out = tmp_path / "out.h5ad"
    for arguments, message in (
        (["--truth", "region"], "no 'region'"),
        (["--layer", "raw"], "no layer 'raw'"),
        (["--preset", "best"], "'released'"),
        (["--method", "best"], "unknown method"),
        (["--method", "consensus", "--epochs", 3], "does not take --epochs"),
        (["--gene-sets", "x.gmt"], "needs --markers"),
        (["--semantics", "genes:none.tsv"], "does not exist"),
        (["--device", "warp"], "warp"),
    ):
        code, _, err = run("domains", stripes, "--n-domains", 2, "--out", out, *arguments)
        assert code == 2
        assert message in err
    assert not out.exists()


def test_methods(run, tmp_path):
    code, out, _ = run("methods", "list", "--json", tmp_path / "methods.json")
    assert code == 0
    assert "generag" in out
    listed = json.loads((tmp_path / "methods.json").read_text())
    assert {"name", "kind", "purpose", "paper", "doi", "needs", "extra"} <= set(listed[0])
    assert "10.1038/s41467-022-29439-6" in run("methods", "show", "stagate")[1]
    code, _, err = run("methods", "show", "stgate")
    assert code == 2
    assert "stagate" in err


def test_encoders_are_listed_and_shown(run, tmp_path):
    code, out, _ = run("encoders", "list", "--json", tmp_path / "zoo.json")
    assert code == 0
    assert "gigapath" in out
    table = json.loads((tmp_path / "zoo.json").read_text())
    assert {"name", "licence", "gated", "verified"} <= set(table[0])
    assert "MahmoodLab/UNI2-h" in run("encoders", "show", "uni2-h")[1]
    code, _, err = run("encoders", "show", "uni9")
    assert code == 2
    assert "no encoder 'uni9'" in err


def test_a_backbone_by_name(run, bank, toy_sections, toy_cache, prediction, work):
    """Trained on the references; an unknown one is an error before any work."""
    section, out = toy_sections[3], work / "small.h5ad"
    arguments = [
        "predict", bank, out, "--slide", "toy4", "--spots", work / "spots.csv",
        "--image", section.image, "--mpp", 1, "--encoder", "color", "--removed", 0,
        "--cache", toy_cache,
    ]  # fmt: skip
    code, _, err = run(*arguments, "--backbone", "small")
    assert code == 0, err
    values, linear = (ad.read_h5ad(path).X for path in (out, prediction))
    assert values.shape == linear.shape
    assert not np.allclose(values, linear)
    code, _, err = run(*arguments, "--tune", "--json", work / "tuned.json", "--overwrite")
    assert code == 0, err
    assert json.loads((work / "tuned.json").read_text())["image_weight"] in (0.05, 0.3, 0.6, 0.9)
    code, _, err = run(*arguments, "--backbone", "smal", "--overwrite")
    assert code == 2
    assert "did you mean 'small'" in err
    arguments[2] = work / "other.h5ad"
    code, _, err = run(
        *arguments, "--backbone", "small", "--initial", out, "--initial-scale", "log1p"
    )
    assert code == 2
    assert "two initial predictions" in err


def test_measured_counts_in_a_layer(run, bank, prediction, toy_sections, work):
    section = toy_sections[3]
    adata = ad.AnnData(np.log1p(section.expression.toarray()), layers={"c": section.expression})
    adata.obs_names, adata.var_names = section.spots, section.genes
    adata.write_h5ad(work / "logs.h5ad")
    arguments = ["evaluate", prediction, bank, "--core", 50, "--measured", work / "logs.h5ad"]
    code, _, err = run(*arguments)
    assert code == 2
    assert "layer='c'" in err
    code, _, err = run(*arguments, "--layer", "c")
    assert code == 0, err
    code, _, err = run("evaluate", prediction, bank, "--measured", prediction)
    assert code == 2
    assert "holds a prediction" in err


def test_notes_of_readers_are_printed(run, tmp_path):
    adata = ad.AnnData(np.ones((3, 4)), obs=pd.DataFrame({"in_tissue": ["True", "True", "False"]}))
    adata.write_h5ad(tmp_path / "s.h5ad")
    (tmp_path / "slides.csv").write_text("slide,donor,expression\nS [1],d ,s.h5ad\n")
    facts = tmp_path / "b.json"
    arguments = ["--slides", tmp_path / "slides.csv", "--json", facts]
    code, out, err = run("bank", "build", tmp_path / "b.zarr", *arguments)
    assert code == 0, err
    assert "note: 1 of 3 spots of S [1] (s) outside the tissue left out" in out
    (slide,) = json.loads(facts.read_text())["slides"]
    assert slide["notes"] == "1 of 3 spots of S [1] (s) outside the tissue left out"


def test_outputs_are_checked_before_any_work(run, bank, prediction, work, toy_table):
    """The same file as an input, a folder, a dash, and tables beside JSON over one another."""
    spots, before = work / "spots.csv", (work / "spots.csv").read_bytes()
    code, _, err = run("predict", bank, spots, "--slide", "toy4", "--spots", spots)
    assert code == 2
    assert "it would be overwritten" in err
    assert spots.read_bytes() == before
    code, _, err = run("domains", prediction, "--out", prediction, "--n-domains", 2)
    assert code == 2
    assert "it would be overwritten" in err
    code, _, err = run("explain", prediction, "--spot", "x", "--gene", "y", "--json", "-")
    assert code == 2
    assert "no file to write" in err
    code, _, err = run("loso", "--bank", bank, "--json", work / "scores.md")
    assert code == 2
    assert "ends in .json" in err
    code, _, err = run("bank", "build", bank, "--slides", toy_table, "--json", work)
    assert code == 2
    assert "a folder of this name" in err


def test_results_are_written_before_they_are_printed(
    run, little, prediction, tmp_path, monkeypatch
):
    """Printing may fail (nobody reads, another encoding): what was computed is kept."""

    def fail(*_, **__):
        raise RuntimeError("nobody reads")

    monkeypatch.setattr("spatialrag.cli.loso.print_report", fail)
    code, _, err = run("loso", "--bank", little, "--core", 30, "--json", tmp_path / "scores.json")
    assert code == 1
    assert "bug of spatialrag" in err
    assert "generag" in json.loads((tmp_path / "scores.json").read_text())["mean"]
    monkeypatch.setattr("spatialrag.cli.explain.print_frame", fail)
    spot, gene = ad.read_h5ad(prediction).obs_names[0], ad.read_h5ad(prediction).var_names[0]
    code, _, _ = run(
        "explain", prediction, "--spot", spot, "--gene", gene, "--csv", tmp_path / "all.csv"
    )
    assert code == 1
    assert (tmp_path / "all.csv").exists()
