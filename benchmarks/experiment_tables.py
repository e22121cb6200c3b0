"""The tables of docs/results/experiments.md, from the scores of experiments.

Backbones by presets, the mean over slides, ± the standard deviation over seeds where there are
several; then what GeneRAG adds, paired by slide, with 95 % of means over slides drawn with
replacement. Core genes (PCC-300), but for columns that say global (PCC-1000). The first row is no
method: each spot's measured depth as the map of every gene.

    python benchmarks/experiment_tables.py OUT/scores.csv ...
"""

import argparse
import json
from pathlib import Path

import pandas as pd

CORE, GLOBAL = "core pcc_300", "global pcc_1000"
PRESETS = {"+ GeneRAG": "generag"} | {
    f"+ {name}": name for name in ("tuned", "paper", "released", "released_lognorm")
}
GAINS = {
    "the backbone, core": ("{}", CORE),
    "ridge on all genes, global": ("ridge_all", GLOBAL),
    "depth, core": ("depth_only", CORE),
    "depth, global": ("depth_only", GLOBAL),
}
# The first row: what measured depth alone reaches, beside every headline.
BAR = "depth_oracle"
CONTROLS = ("ragst", "depth_only", "neighbors", "ridge_all")


def cell(scores, method, metric):
    """Mean over slides, spread over seeds."""
    rows = scores[scores["method"] == method]
    seeds = rows.groupby("seed")[metric].mean().dropna()
    if seeds.empty:
        return ""
    text = f"{seeds.mean():.3f}".replace("0.", ".")
    return text if len(seeds) < 2 else text + f" ± {seeds.std():.3f}".replace("0.", ".")


def backbones_of(scores):
    return [name for name in scores["group"].unique() if name not in ("controls", "ragst")]


def table(scores):
    names = backbones_of(scores)
    methods = set(scores["method"])
    shown = {
        heading: preset
        for heading, preset in PRESETS.items()
        if any(f"{name}+{preset}" in methods for name in names)
    }
    wide = {f"{h}, global": p for h, p in shown.items() if p in ("generag", "tuned")}
    heads = ["", "alone", *shown, *wide, "trained on all, global"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += control_rows(scores, [BAR], shown, wide)
    for name in names:
        cells = [cell(scores, name, CORE)]
        cells += [cell(scores, f"{name}+{preset}", CORE) for preset in shown.values()]
        cells += [cell(scores, f"{name}+{preset}", GLOBAL) for preset in wide.values()]
        cells.append(cell(scores, f"{name}_all", GLOBAL))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += control_rows(scores, CONTROLS, shown, wide)
    return "\n".join(lines)


def control_rows(scores, names, shown, wide):
    """Rows of what has no backbone: core under the first column, global under the first of global.

    Without a global column of presets that is the last one.
    """
    for name in names:
        if name in set(scores["method"]):
            cells = [cell(scores, name, CORE), *[""] * len(shown), cell(scores, name, GLOBAL)]
            cells += [""] * len(wide)
            yield f"| *{name}* | " + " | ".join(cells) + " |"


def signed(value):
    return f"{value:+.3f}".replace("0.", ".", 1)


def gain_table(gains, names):
    """GeneRAG less what the heading names."""
    gains = gains.set_index(["method", "less", "metric"])
    heads = ["+ GeneRAG less", *GAINS]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        cells = []
        for less, metric in GAINS.values():
            gain = gains.loc[(f"{name}+generag", less.format(name), metric)]
            low, high = signed(gain["low"]), signed(gain["high"])
            cells.append(f"{signed(gain['mean'])} ({low} to {high})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path, nargs="+")
    for path in parser.parse_args().scores:
        record = json.loads(path.with_suffix(".json").read_text())
        frame, gains = pd.DataFrame(record["scores"]), pd.DataFrame(record["gains"])
        for (encoder, leave), scores in frame.groupby(["encoder", "leave"], sort=False):
            print(f"{path.parent.name}: {encoder}, {leave} left out\n\n{table(scores)}\n")
            found = gains.query("encoder == @encoder and leave == @leave")
            print(gain_table(found, backbones_of(scores)) + "\n")


if __name__ == "__main__":
    main()
