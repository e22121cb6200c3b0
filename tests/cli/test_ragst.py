import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def bank(toy_bank, work):
    from spatialrag import write_bank

    return write_bank(toy_bank, work / "bank.zarr")


@pytest.fixture(scope="module")
def atlas(toy_bank, work):
    """An h5ad of cells drawn from the toy's spots, three types."""
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(toy_bank.n_references, 60, replace=False))
    counts = rng.poisson(toy_bank.expression[rows].toarray() + 0.2).astype("float32")
    labels = np.array(["Alpha", "Beta", "Gamma"])[counts[:, :3].argmax(axis=1)]
    obs = pd.DataFrame({"cell_type": labels}, index=[f"c{i}" for i in range(60)])
    path = work / "atlas.h5ad"
    ad.AnnData(counts, obs, pd.DataFrame(index=toy_bank.genes)).write_h5ad(path)
    return path


def test_cells_build_info_add_remove_verify(run, atlas, work):
    path = work / "cells.zarr"
    (work / "map.tsv").write_text("label\ttype\nAlpha\tA\nBeta\tA\nGamma\t\n")
    code, out, err = run(
        "cells", "build", path, "--cells", f"mine={atlas}", "--type-map", work / "map.tsv",
        "--json", work / "cells.json",
    )  # fmt: skip
    assert code == 0, err
    assert "A: merged from Alpha, Beta" in out
    assert "left out: Gamma" in out
    before = json.loads((work / "cells.json").read_text())
    assert run("cells", "add", path, "--cells", f"more={atlas}")[0] == 0
    assert "more" in run("cells", "info", path)[1]
    assert "verified" in run("cells", "verify", path)[1]
    code, _, _ = run(
        "cells", "remove", path, "--dataset", "more", "--json", work / "cells.json", "--overwrite"
    )
    assert code == 0
    assert json.loads((work / "cells.json").read_text()) == before


def test_cells_errors_come_before_any_work(run, atlas, work):
    code, _, err = run("cells", "build", work / "x.zarr", "--cells", work / "none.h5ad")
    assert code == 2
    assert "do not exist" in err
    code, _, err = run("cells", "build", work / "x.zarr")
    assert code == 2
    assert "--census-tissue" in err
    code, _, err = run("cells", "build", work / "x.zarr", "--census-tissue", "breast")
    assert code == 2
    assert "--per-type" in err


def test_deconvolve(run, atlas, toy_table, work):
    path = work / "types.zarr"
    assert run("cells", "build", path, "--cells", atlas)[0] == 0
    code, _, err = run(
        "cells", "deconvolve", path, work / "p.csv", "--slides", toy_table, "--sections", "toy1"
    )
    assert code == 0, err
    table = pd.read_csv(work / "p.csv", index_col=0)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    assert table.index[0].startswith("toy1:")
    code, _, err = run("cells", "deconvolve", path, work / "p.xlsx", "--slides", toy_table)
    assert code == 2
    assert "ends in .csv or .tsv" in err


def test_fit_predict_explain(run, bank, atlas, toy_sections, toy_cache, work):
    model = work / "model.safetensors"
    code, out, err = run(
        "ragst", "fit", bank, atlas, model, "--steps", 5, "--retrieved", 8,
        "--exclude-slide", "toy4",
    )  # fmt: skip
    assert code == 0, err
    assert "proportions: deconvolved" in out
    section = toy_sections[3]
    pd.DataFrame(section.xy, section.spots, ["x", "y"]).to_csv(work / "spots.csv")
    code, out, err = run(
        "ragst", "predict", model, bank, atlas, work / "p.h5ad", "--slide", "toy4",
        "--spots", work / "spots.csv", "--image", section.image, "--mpp", 1,
        "--encoder", "color", "--cache", toy_cache, "--json", work / "p.json",
    )  # fmt: skip
    assert code == 0, err
    facts = json.loads((work / "p.json").read_text())
    assert facts["references_per_spot"] == 8
    assert sum(facts["attention"].values()) == pytest.approx(1, abs=1e-3)
    gene = ad.read_h5ad(work / "p.h5ad").var_names[5]
    code, out, err = run(
        "ragst", "explain", work / "p.h5ad", "--spot", "3x3", "--gene", gene,
        "--attention", work / "a.png", "--carriers", work / "c.csv", "--figure", work / "f.png",
    )  # fmt: skip
    assert code == 0, err
    assert "which types carry it" in out
    assert (work / "a.png").stat().st_size > 5000
    table = pd.read_csv(work / "c.csv", index_col=0)
    np.testing.assert_allclose(table.drop(columns="value").sum(axis=1), table["value"], atol=1e-5)


def test_loso_with_ragst_rows(run, little_bank, atlas, work, monkeypatch):
    from spatialrag import write_bank
    from spatialrag.prediction.ragst import generator
    from spatialrag.training.graph import Training

    monkeypatch.setattr(generator, "_TRAINING", Training(epochs=2))
    two = write_bank(little_bank.without(slides=["toy3"]), work / "two.zarr")
    code, _, err = run(
        "loso", "--bank", two, "--method", "ragst", "--cells", atlas, "--core", 30,
        "--global", 100, "--json", work / "loso.json",
    )  # fmt: skip
    assert code == 0, err
    rows = json.loads((work / "loso.json").read_text())
    text = json.dumps(rows)
    for name in ("ragst", "ragst_no_residual", "ragst_random", "types_permuted", "depth_only"):
        assert f'"{name}"' in text
    code, _, err = run("loso", "--bank", two, "--method", "ragst")
    assert code == 2
    assert "which single cells" in err
    code, _, err = run("loso", "--bank", two, "--method", "magic")
    assert code == 2
    assert "is not one of" in " ".join(err.split())


def test_datasets(run, bank, work):
    code, out, _ = run("datasets", "list", "--json", work / "list.json")
    assert code == 0
    assert "hest-kidney" in out
    assert len(json.loads((work / "list.json").read_text())) >= 12
    code, out, _ = run("datasets", "show", "hest-liver")
    assert code == 0
    assert "gated: terms must be accepted" in out
    assert "--census-tissue 'liver'" in out
    code, _, err = run("datasets", "show", "hest-livr")
    assert code == 2
    assert "did you mean 'hest-liver'" in err
    (work / "file.txt").write_text("x")
    (work / "m.toml").write_text(
        'schema = 1\n[[cohort]]\nname = "mine"\ntitle = "t"\norgan = "lung"\nspecies = "human"\n'
        'licence = "CC0"\ncitation = "me"\n[[cohort.source]]\nkind = "url"\n'
        f'files = [{{ url = "{(work / "file.txt").as_uri()}", path = "a.txt" }}]\n'
    )
    own = ["--manifest", work / "m.toml"]
    assert run("datasets", "fetch", "mine", "--to", work / "to", *own)[0] == 0
    assert "1 files verified" in run("datasets", "verify", "mine", "--to", work / "to", *own)[1]
    code, out, err = run("datasets", "export", "mine", bank, work / "share.zip", *own)
    assert code == 0, err
    assert (work / "share.zip").stat().st_size > 1000
