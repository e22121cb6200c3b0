from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.bank.store import write_bank
from spatialrag.errors import InputError
from spatialrag.jobs.cells import SingleCells
from spatialrag.jobs.prediction import PredictRequest
from spatialrag.jobs.queries import QuerySlide
from spatialrag.jobs.ragst import FitRequest, fit, predict


@pytest.fixture(scope="module")
def files(toy_bank, tmp_path_factory):
    """The toy's bank, and cells drawn from its spots, on disk."""
    folder, rng = tmp_path_factory.mktemp("ragst"), np.random.default_rng(0)
    rows = np.sort(rng.choice(toy_bank.n_references, 60, replace=False))
    counts = rng.poisson(toy_bank.expression[rows].toarray() + 0.2).astype("float32")
    labels = np.array(["Alpha", "Beta", "Gamma"])[counts[:, :3].argmax(axis=1)]
    obs = pd.DataFrame({"cell_type": labels}, index=[f"c{i}" for i in range(60)])
    ad.AnnData(counts, obs, pd.DataFrame(index=toy_bank.genes)).write_h5ad(folder / "cells.h5ad")
    return write_bank(toy_bank, folder / "bank.zarr"), SingleCells(folder / "cells.h5ad")


def test_what_was_trained_predicts(files, toy_sections, toy_cache, slides_read, tmp_path):
    pytest.importorskip("torch")
    bank, cells = files
    model = tmp_path / "model.safetensors"
    request = FitRequest(bank, cells, model, steps=3, n_retrieved=8, without_slides=("toy4",))
    facts, notes = fit(request)
    assert facts["types_without_cells"] == []
    assert any("deconvolved" in note for note in notes)
    query = PredictRequest(
        bank, QuerySlide("toy4", spots=toy_sections[3].located), encoder="color", cache=toy_cache
    )
    whole = predict(query, model, cells)
    cited = predict(query, model, cells, residual=False)
    assert slides_read.opened == ["toy4.jpg"] * 2  # once for each prediction
    assert whole.facts["references_per_spot"] == 8
    assert cited.facts["uncited_share"] == 0
    assert sum(whole.facts["attention"].values()) == pytest.approx(1, abs=1e-3)
    assert whole.prediction.record["query"]["mpp"] == 1.0


def test_a_model_has_its_name():
    with pytest.raises(InputError, match="ends in .safetensors"):
        FitRequest(Path("b.zarr"), SingleCells(Path("c.h5ad")), Path("model.pt"))
