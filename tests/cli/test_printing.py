import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialrag.cli.printing import print_frame, print_legend, print_prediction, print_report
from spatialrag.evaluation.report import CORE_COLUMNS, Report
from spatialrag.jobs.prediction import PredictResult, example_of
from spatialrag.prediction.generag.generag import GeneRAG

FRAME = pd.DataFrame(
    {name: [0.5, np.nan] for name in CORE_COLUMNS if name != "missing_share"}
    | {"n_constant": [7.0, 300]},
    index=["generag_released_lognorm", "depth_oracle"],
)


@pytest.mark.parametrize("width", [60, 80, 160, None])
def test_tables_fit_and_nothing_is_lost(width, monkeypatch, capsys):
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", str(width))
    print_frame(FRAME, title="core", index="method")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= (width or 160)
    text = "\n".join(lines)
    for heading in FRAME:
        assert text.split().count(heading) == 1
    parts = sum(line.startswith("core") for line in lines)
    assert parts == text.count("generag_released_lognorm") == 1 + text.count("core, continued")
    assert parts == {60: 6, 80: 4}.get(width, 2)
    assert "7.000" not in text


def test_names_are_printed_as_they_are(capsys):
    frame = pd.DataFrame({"[red]": ["s1[/b]"]}, index=["[bold]x"])
    print_frame(frame, title="a [b]", index="[i]")
    text = capsys.readouterr().out
    for name in ("[red]", "s1[/b]", "[bold]x", "a [b]", "[i]"):
        assert name in text


def test_what_columns_are_is_printed_once(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_legend([FRAME, FRAME])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("fixed_k", "n_above_null", "pcc_k", "mse", "n_constant", "depth_oracle"):
        assert sum(line.startswith(name + " ") for line in lines) == 1


def test_a_report_is_printed_with_its_columns(capsys):
    core = {"fixed_10": 0.1, "n_above_null": 12, "pcc_10": 0.3, "n_constant": 7, "n_genes": 30}
    entry = {"core": core, "n_spots": 50, "n_surrogate_spots": 50}
    print_report(Report({"a": {"generag": entry, "depth_oracle": entry}}))
    text = capsys.readouterr().out
    assert text.index("depth_oracle") < text.index("generag")
    assert "core (30 genes, mean over a)" in text
    assert "200 for each predicted one, on 50 spots" in text


def test_a_prediction_ends_with_its_file_and_the_next_command(capsys, references, queries):
    made = GeneRAG(n_anchors=40).fit(references).predict(queries)
    print_prediction(
        PredictResult(made, {"spots": 56}, ("a note",)), Path("my file.h5ad"), verb="ragst explain"
    )
    *_, written, following = capsys.readouterr().out.splitlines()
    assert written.startswith("written: my file.h5ad (a value for every spot and gene, citations")
    spot, gene = example_of(made)
    asked = ["spatialrag", "ragst", "explain", "my file.h5ad", "--spot", spot, "--gene", gene]
    assert shlex.split(following.removeprefix("next: ")) == asked
