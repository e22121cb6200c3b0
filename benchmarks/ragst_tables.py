"""Turn the JSON files of `ragst.py` and `ragst_robustness.py` into one page of Markdown tables.

The calibration curves of stage 1 are drawn beside the files.

python benchmarks/ragst_tables.py OUT > docs/results/ragst.md
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from spatialrag.evaluation.columns import legend, markdown_legend, texts
from spatialrag.plots.types import save_calibration
from spatialrag.tables.markdown import markdown_table

ROWS = [
    "depth_oracle", "ragst", "ragst_no_residual", "ragst_spots", "ragst_both", "ragst_deconvolved",
    "ragst_random", "proportions_x_profiles", "types_permuted", "direct_mlp", "generag", "backbone",
    "ridge_all", "neighbors", "depth_only", "mean_profile",
]  # fmt: skip
CORE = (
    "fixed_50",
    "fixed_300",
    "n_above_null",
    "pcc_50",
    "pcc_300",
    "spearman",
    "mse",
    "mae",
    "rmse",
    "pearson_spot",
    "overlap_50",
)
GLOBAL = ("pcc_all", "n_above_null", "pcc_300", "pcc_1000")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print("# RAG-ST, measured\n\nHER2ST sections B4, C2, C3, C4; `benchmarks/ragst.py`.\n")
    for kind, title in (("onnx", "MobileNetV2"), ("color", "color statistics")):
        paths = {part: folder / f"ragst_{kind}_{part}.json" for part in PARTS}
        found = {part: json.loads(p.read_text()) for part, p in paths.items() if p.exists()}
        if found:
            print(f"## {title}\n")
        for part, record in found.items():
            PARTS[part](record, part)
        if "stage1" in found:
            draw_calibration(found["stage1"], folder / f"calibration_{kind}.png")
    told = legend([pd.DataFrame(columns=[*CORE, *GLOBAL], index=["depth_oracle"])])
    print(f"## Columns and rows of stage 2\n\n{markdown_legend(told)}")


def stage1(record, _):
    print("### Stage 1: patch to composition\n")
    print("Mean over slides; Pearson per type over spots, Jensen-Shannon distance per spot.\n")
    table = pd.DataFrame(record["rows"])
    columns = ["pearson", "jensen_shannon", "calibration_error"]
    means = table.groupby(["tier", "leave", "head"], sort=False)[columns].mean()
    by_slide = table.pivot_table(
        index=["tier", "leave", "head"], columns="slide", values="pearson", sort=False
    )
    show(means.join(by_slide).reset_index())


def draw_calibration(record, path):
    """Major types, sections left out: the slides' bins together."""
    table = pd.DataFrame(record["rows"])
    table = table[(table["tier"] == "major") & (table["leave"] == "slide")]
    curves = {}
    for name, rows in table.groupby("head", sort=False):
        bins = pd.concat(map(pd.DataFrame, rows["curve"]))
        sums = bins[["predicted", "given"]].mul(bins["n"], axis=0).assign(n=bins["n"])
        sums = sums.groupby((bins["predicted"] * 10).astype(int)).sum()
        curves[name] = sums[["predicted", "given"]].div(sums["n"], axis=0).assign(n=sums["n"])
    save_calibration(curves, path)
    print(f"![calibration of stage 1](ragst/{path.name})\n")


def deconvolution(record, _):
    print("### Deconvolution against the published proportions (stereoscope), Pearson\n")
    show(pd.DataFrame(record["rows"]))


def zero_shot(record, _):
    print("### Zero-shot genes: half the panel hidden in training, that half scored\n")
    table = pd.DataFrame(record["rows"])
    show(
        table.groupby(["leave", "method"], sort=False)[["pcc_300", "pcc_all", "n_hidden"]]
        .mean()
        .reset_index()
    )


def loso(record, leave):
    print(f"### Stage 2, {leave} left out\n")
    slides = record["slides"]
    rows = []
    for name in ROWS:
        row = {"method": name}
        for group, columns in (("core", CORE), ("global", GLOBAL)):
            for column in columns:
                values = [slides[s][name].get(group, {}).get(column) for s in slides]
                values = [value for value in values if value is not None]
                row[f"{group} {column}"] = sum(values) / len(values) if values else None
        for slide in slides:
            row[f"{slide} core pcc_300"] = slides[slide][name].get("core", {}).get("pcc_300")
        rows.append(row)
    show(pd.DataFrame(rows))
    print(paired(slides))


def paired(slides):
    """Per-slide differences that answer whether retrieval and types matter."""
    lines = []
    for first, second in (
        ("ragst_no_residual", "ragst_random"),
        ("proportions_x_profiles", "types_permuted"),
        ("ragst_no_residual", "proportions_x_profiles"),
        ("ragst_spots", "generag"),
        ("ragst", "ridge_all"),
    ):
        differences = [
            slides[s][first]["core"]["pcc_300"] - slides[s][second]["core"]["pcc_300"]
            for s in slides
        ]
        listed = ", ".join(f"{s} {d:+.3f}" for s, d in zip(slides, differences, strict=True))
        lines.append(f"- `{first}` less `{second}`, core PCC-300: {listed}")
    return "\n".join(lines) + "\n"


def robustness(record, _):
    print("### Other images: stain, blur, JPEG, stated pixel size; a coarse section\n")
    show(pd.DataFrame(record["rows"]))


def show(table):
    written = texts(table)
    first = written.columns[0]
    print(markdown_table(written.set_index(first), index=first), end="\n\n")


PARTS = {
    "stage1": stage1,
    "deconvolution": deconvolution,
    "slide": loso,
    "donor": loso,
    "zero_shot": zero_shot,
    "robustness": robustness,
}


if __name__ == "__main__":
    main()
