import json
from pathlib import Path

import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.report import Report
from spatialrag.replace import replace_text


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
    assert report.surrogates_note == ""


def test_written_files(report, tmp_path):
    report.write(tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["mean"]["generag"]["core"] == {"pcc_10": pytest.approx(0.3), "pcc_50": None}
    assert found["slides"]["b"]["generag"]["core"]["pcc_10"] == 0.4
    text = (tmp_path / "out.md").read_text()
    assert "| generag | 0.300 |" in text
    assert "## Slide b: core" in text
    assert len(pd.read_csv(tmp_path / "out.genes.csv")) == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        "out.json", "out.md", "out.csv", "out.genes.csv"
    }  # fmt: skip


@pytest.fixture
def counted():
    def entry(constant, missing=0.0):
        core = {"fixed_10": 0.1, "n_above_null": 4, "pcc_10": 0.2, "n_constant": constant}
        core |= {"n_genes": 7, "missing_share": missing}
        table = pd.DataFrame({"pearson": [0.1]}, index=pd.Index(["G"], name="gene"))
        spots = {"n_spots": 3000 + constant, "n_surrogate_spots": 2000}
        return {"core": core, "per_gene": table} | spots

    slides = {"a": {"generag": entry(3), "depth_oracle": entry(0)}}
    slides["b"] = {"generag": entry(4), "depth_oracle": entry(0)}
    return Report(slides)


def test_counts_are_whole_and_measured_depth_is_first(counted):
    text = counted.markdown()
    heading = "| method | fixed_10 | n_above_null | pcc_10 | n_constant |"
    rows = ["| depth_oracle | 0.100 | 4 | 0.200 | 0 |", "| generag | 0.100 | 4 | 0.200 | 3.5 |"]
    assert "\n".join([heading, "|---|---|---|---|---|", *rows]) in text
    assert "| generag | 0.100 | 4 | 0.200 | 3 |" in text  # slide a
    assert counted.n_genes("core") == "7"
    assert counted.n_genes("global") == ""


def test_markdown_tells_what_columns_and_rows_are(counted):
    text = counted.markdown()
    for name in ("fixed_k", "n_above_null", "pcc_k", "n_constant", "depth_oracle"):
        assert text.count(f"\n- `{name}`: ") == 1
    assert "200 for each predicted one, on 2000, drawn from 3000 to 3004 spots" in text


def test_missing_values_are_a_column_where_there_are_some(counted):
    assert "missing_share" not in counted.table("core", ["pcc_10", "missing_share"])
    counted.slides["b"]["generag"]["core"]["missing_share"] = 0.3
    assert counted.table("core", ["missing_share"]).loc["generag", "missing_share"] == 0.15
    assert "missing_share" not in counted.table("core", ["pcc_10", "missing_share"], "a")


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
