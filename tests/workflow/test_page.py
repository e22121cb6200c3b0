import numpy as np
import pandas as pd

from spatialrag.workflow.page import write_page
from spatialrag.workflow.recipe import Cohort, Recipe
from spatialrag.workflow.results import METRICS, Results


def test_the_page_holds_tables_pictures_and_settings(tmp_path):
    rng = np.random.default_rng(0)
    rows, genes = [], {}
    names = [f"G{i}" for i in range(60)]
    for slide in ("a", "b"):
        for method in ("linear", "linear+generag", "depth_only", "depth_oracle"):
            row = {"encoder": "color", "leave": "slide", "slide": slide, "method": method}
            row |= {"group": "linear", "seed": 0, "core pcc_300": rng.random()}
            row["core n_above_null"] = 12.0
            row["global pcc_1000"] = np.nan if method == "linear" else rng.random()
            absent = {f"{g} {m}": np.nan for g in METRICS for m in METRICS[g]}
            rows.append(absent | row)
            genes["color", "slide", slide, method] = (names, rng.random(60), np.arange(60) < 20)
    cohort = pd.DataFrame({"donor": ["A", "B"]}, ["a", "b"])
    recipe = Recipe("A <title>", Cohort(table="x"))
    results = Results(recipe, pd.DataFrame(rows), 1.0, genes, cohort)
    write_page(results, tmp_path / "report.html", {"setting": "<kept>"})
    text = (tmp_path / "report.html").read_text()
    assert "A &lt;title&gt;" in text
    assert "&lt;kept&gt;" in text
    assert text.count("<img") == 4
    assert "color, slide left out" in text
    first = text.split("<tbody>")[2]
    assert first.strip().startswith("<tr>\n      <th>depth_oracle</th>")
    assert "<td>12</td>" in text
    assert "<dt>n_above_null</dt>" in text
    assert "<dt>depth_oracle</dt>" in text
