import json
import re

import anndata as ad
import numpy as np
import pytest

from spatialrag.bank.store import verify_bank
from spatialrag.demo import run_demo
from spatialrag.prediction.store import read_prediction
from spatialrag.toy import ToyTissue


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo")
    return run_demo(out, settings=ToyTissue(n_genes=1300, columns=5, rows=5))


def test_writes_what_it_promises(demo):
    assert verify_bank(demo.out / "bank.zarr").n_references == 75
    assert ad.read_h5ad(demo.out / "prediction.h5ad").shape[0] == 25
    summary = json.loads((demo.out / "summary.json").read_text())
    assert set(summary["scores"]) >= {"generag", "ridge_all", "neighbors", "depth_only", "null"}


def test_page_is_self_contained(demo):
    page = (demo.out / "report.html").read_text()
    assert page.count('<img alt="') == page.count('src="data:image/png;base64,') >= 2
    assert not re.search(r'(href|src)="(?!data:)', page)
    assert "http" not in page.replace("base64,", "").split("<body>")[0]


def test_saved_prediction_explains_itself(demo):
    prediction = read_prediction(demo.out / "prediction.h5ad")
    found = demo.explanation
    assert found.cited_value == pytest.approx(found.value, rel=1e-5)
    assert np.isfinite(found.citations["change"]).sum() == 3
    assert found.spot in prediction.spots
