import json
from pathlib import Path

import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.report import Report, replace_text


@pytest.fixture
def report():
    def entry(value):
        table = pd.DataFrame({"pearson": [value]}, index=pd.Index(["G"], name="gene"))
        return {"core": {"pcc_10": value, "pcc_50": float("nan")}, "per_gene": table}

    slides = {"a": {"generag": entry(0.2), "null": {"core": {"pcc_10": 0.1}}}}
    slides["b"] = {"generag": entry(0.4), "null": {"core": {"pcc_10": 0.1}}}
    return Report(slides, {"seed": 0})


def test_mean_over_slides(report):
    assert report.mean()["generag"]["core"]["pcc_10"] == pytest.approx(0.3)


def test_written_files(report, tmp_path):
    report.write(tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["mean"]["generag"]["core"] == {"pcc_10": pytest.approx(0.3), "pcc_50": None}
    assert found["slides"]["b"]["generag"]["core"]["pcc_10"] == 0.4
    text = (tmp_path / "out.md").read_text()
    assert "| generag | 0.300 |" in text
    assert "## Slide b: core" in text
    assert len(pd.read_csv(tmp_path / "out.genes.csv")) == 2
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "scores.json"
    path.write_text("before")

    def full(self, text, **_):
        self.open("w").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(InputError, match="(?s)cannot be written.*No space left.*run it again"):
        replace_text(path, "after")
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]
    assert path.read_text() == "before"
