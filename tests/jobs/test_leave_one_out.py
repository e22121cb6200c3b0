import json
from pathlib import Path

import pytest

from spatialrag.bank.store import write_bank
from spatialrag.errors import InputError
from spatialrag.evaluation.loso import loso
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.leave_one_out import LeaveOneOutRequest, leave_one_out
from spatialrag.prediction.generag.generag import GeneRAG


def test_a_bank_on_disk_or_in_memory_is_the_same_cohort(little_bank, tmp_path):
    two = little_bank.without(slides=["toy3"])
    path = write_bank(two, tmp_path / "two.zarr")
    known = {"n_core": 20, "n_global": 60, "image_weights": (0.5,)}
    report, notes = leave_one_out(LeaveOneOutRequest(path, json=tmp_path / "s.json", **known))
    assert notes == ()
    rows = json.loads((tmp_path / "s.json").read_text())["mean"]
    assert {"generag", "generag_w0.5", "ridge_all", "depth_only", "depth_oracle"} <= set(rows)
    again = loso(two, settings=GeneRAG(), n_core=20, n_global=60)
    assert rows["ridge_all"]["core"] == again.to_json()["mean"]["ridge_all"]["core"]
    assert list(report.slides) == ["toy1", "toy2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"leave": "spot"}, "unknown fold"),
        ({"json": Path("scores.md")}, "ends in .json"),
        ({"image_weights": (2.0,)}, "image_weight must be in"),
        ({"context": 6, "retrieval": Retrieval(context_um=(200.0,))}, "--context or --context-um"),
        ({"devices": Devices(encoder="cpu")}, "leave --encoder-device out"),
    ],
)
def test_faults_before_anything_is_read(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        leave_one_out(LeaveOneOutRequest(tmp_path / "no.zarr", **changes))
