"""Turn the JSON files of `results.sh` into one page of Markdown tables.

python benchmarks/tables.py OUT > docs/results/tables.md
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from spatialrag.evaluation.columns import legend, markdown_legend, oracle_first
from spatialrag.evaluation.report import CITATION_COLUMNS, scores_markdown

TITLES = {
    "her2st_onnx": "HER2ST B4, C2, C3, C4, MobileNetV2, one slide left out",
    "her2st_color": "HER2ST B4, C2, C3, C4, color statistics, one slide left out",
    "her2st_donor_onnx": "HER2ST, MobileNetV2, one donor left out (B or C)",
    "her2st_donor_color": "HER2ST, color statistics, one donor left out (B or C)",
    "mob_onnx": "MOB1-3, MobileNetV2, one section left out",
    "mob_color": "MOB1-3, color statistics, one section left out",
    "mob_donor_onnx": "MOB1-3, MobileNetV2, one animal left out",
    "mob_donor_color": "MOB1-3, color statistics, one animal left out",
    "mice_onnx": "mob_mice, whole transcriptomes, MobileNetV2, one section left out",
    "mice_color": "mob_mice, whole transcriptomes, color statistics, one section left out",
    "mice_donor_onnx": "mob_mice, whole transcriptomes, MobileNetV2, one mouse left out",
    "mice_donor_color": "mob_mice, whole transcriptomes, color statistics, one mouse left out",
}
CORE = (
    "fixed_10",
    "fixed_50",
    "fixed_300",
    "n_above_null",
    "pcc_10",
    "pcc_50",
    "pcc_300",
    "spearman",
    "mse",
    "mae",
    "rvd",
    "gene_gene",
)
GLOBAL = (
    "fixed_300",
    "fixed_1000",
    "pcc_all",
    "pcc_all_seen",
    "pcc_all_unseen",
    "n_above_null",
    "pcc_300",
    "pcc_1000",
    "pcc_3000",
    "pcc_5000",
    "moran_difference",
    "moran_agreement",
    "gene_set_agreement",
)


def frame_of(entries, group, columns):
    rows = {name: entry[group] for name, entry in entries.items() if group in entry}
    present = [c for c in columns if any(row.get(c) is not None for row in rows.values())]
    return oracle_first(pd.DataFrame(rows).T.reindex(columns=present).astype(float))


def per_slide(slides):
    chosen = ("depth_oracle", "generag", "backbone", "ridge_all", "neighbors", "depth_only")
    rows = {}
    for slide, methods in slides.items():
        for group, metric in (("core", "pcc_300"), ("global", "pcc_1000"), ("global", "pcc_all")):
            rows[f"{slide}: {group} {metric}"] = {
                name: methods[name].get(group, {}).get(metric) for name in chosen
            }
    return pd.DataFrame(rows).T.astype(float).rename_axis("score").dropna(how="all")


def tuned(slides):
    rows = {
        slide: {key: methods["generag_tuned"][key] for key in ("image_weight", "strength")}
        for slide, methods in slides.items()
        if "generag_tuned" in methods
    }
    return pd.DataFrame(rows).T


def difference(found, other, group, metric):
    """GeneRAG less another row, averaged over slides, and on how many slides it is above."""
    pairs = [
        (methods["generag"][group].get(metric), methods[other][group].get(metric))
        for methods in found["slides"].values()
    ]
    return (
        sum(ours - theirs for ours, theirs in pairs) / len(pairs),
        f"{sum(ours > theirs for ours, theirs in pairs)}/{len(pairs)}",
    )


def summary(folder):
    """One line per data set: measured depth, GeneRAG and its differences to the controls."""
    lines = [
        "| data | core PCC-300: depth_oracle | GeneRAG | − backbone | − neighbors | − depth_only "
        "| global PCC-1000: depth_oracle | GeneRAG | − ridge_all | − neighbors | − depth_only |",
        "|---" * 11 + "|",
    ]
    for name, title in TITLES.items():
        found = json.loads((folder / f"{name}.json").read_text())
        cells = []
        for group, metric, others in (
            ("core", "pcc_300", ("backbone", "neighbors", "depth_only")),
            ("global", "pcc_1000", ("ridge_all", "neighbors", "depth_only")),
        ):
            # MOB has 1,000 genes, fewer of which every section measured.
            ours = found["mean"]["generag"][group]
            metric = metric if ours.get(metric) is not None else "pcc_all"
            depth = found["mean"]["depth_oracle"][group][metric]
            cells += [f"{depth:.3f}", f"{ours[metric]:.3f}"]
            for other in others:
                mean, above = difference(found, other, group, metric)
                cells.append(f"{mean:+.3f} ({above})")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(
        "# Tables\n\nBy the commands of `benchmarks/results.sh`; read in [results](../results.md)."
    )
    print(
        "\n## GeneRAG less its controls\n\nMean difference over slides, and on how many slides "
        "GeneRAG is above. Where a slide has fewer than 1,000 common genes: all of them. "
        "depth_oracle is no method: each spot's *measured* depth as the map of every gene. Columns "
        "and rows are explained at the end.\n"
    )
    print(summary(folder))
    shown = []
    for name, title in TITLES.items():
        found = json.loads((folder / f"{name}.json").read_text())
        print(f"\n## {title}")
        for heading, columns in (
            ("core", CORE),
            ("global", GLOBAL),
            ("citations", CITATION_COLUMNS),
        ):
            shown.append(frame_of(found["mean"], heading, columns))
            print(f"\n{heading}\n\n{scores_markdown(shown[-1])}")
        print(f"\nper slide\n\n{scores_markdown(per_slide(found['slides']))}")
        if not tuned(found["slides"]).empty:
            shown.append(tuned(found["slides"]))
            print(f"\nchosen inside each fold\n\n{scores_markdown(shown[-1])}")
    stem = json.loads((folder / "stem_b1.json").read_text())
    for scale in ("log1p", "log1p_cp10k"):
        frame = pd.DataFrame(stem[scale]).T.astype(float)
        print(f"\n## Stem on HER2ST B1, truth {scale}\n\n{scores_markdown(frame)}")
    print(f"\n## Columns and rows\n\n{markdown_legend(legend(shown))}")


if __name__ == "__main__":
    main()
