"""What carries over to slides and donors that are not in the bank: defaults, former ones, controls.

Every slide of a cohort, or its donor, left out; the panels of `loso` (300 core genes, up to 5,000
global ones), without surrogates. JSON: by row and slide core PCC-300, global PCC-1000, the mean
over all global genes, partial r given depth, r with Pearson residuals, share of the noise ceiling,
and the error of the slide's mean profile (root mean square over core genes), which r cannot see.

    python benchmarks/transfer.py ../shared/data her2st --encoder onnx:FILE --cache cache --json out
    python benchmarks/transfer.py ../shared/data mob --leave donor --rows generag,former,ridge_all
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from settings import cohort

from spatialrag import GeneRAG, build_bank
from spatialrag.evaluation.loso import references_for, section_of
from spatialrag.evaluation.methods import Row, standard_rows
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.report import markdown_table
from spatialrag.evaluation.scores import evaluate
from spatialrag.evaluation.second_truth import second_truth

DEFAULT = GeneRAG()
FORMER = replace(DEFAULT, backbone="linear", centring=0.0, smoothing=0.0, image_weight=0.05)
ROWS = {
    row.name: row
    for row in (
        Row("former", FORMER),
        Row("linear_centred", replace(FORMER, centring=1.0)),
        Row("uncentred", replace(DEFAULT, centring=0.0)),
        Row("unsmoothed", replace(DEFAULT, smoothing=0.0)),
        Row("half_smoothed", replace(DEFAULT, smoothing=0.5)),
        Row("all_smoothed", replace(DEFAULT, smoothing=1.0)),
        Row("no_images", replace(DEFAULT, image_weight=0.0)),
        Row("rings", replace(DEFAULT, context_um=(200.0, 400.0, 600.0))),
    )
}


def scores(bank, row, slide, leave):
    references = references_for(bank, slide, leave=leave)
    truth, section = bank.select([slide]), section_of(bank, slide)
    panel = fix_panel(references, truth.genes)
    started = time.perf_counter()
    prediction = row.method.fit(references).predict(truth.embeddings_of(slide))
    seconds = time.perf_counter() - started
    found = evaluate(
        prediction,
        section,
        panel=panel,
        groups=row.groups,
        second=second_truth(section, references, panel),
    ).summary
    core = panel.genes[: panel.n_core]
    measured = truth.on_scale(prediction.scale)[~truth.empty][:, truth.columns_of(core)]
    level = np.nanmean(prediction.values_of(core)[~truth.empty], axis=0)
    error = np.sqrt(np.nanmean(np.square(level - np.asarray(measured.mean(axis=0)).ravel())))
    whole = found.get("global", {})
    beside = ("pcc_all", "partial_all", "residual_all", "ceiling_share")
    return (
        {"core pcc_300": found["core"].get("pcc_300", found["core"]["pcc_all"])}
        | {"global pcc_1000": whole.get("pcc_1000", whole.get("pcc_all"))}
        | {f"{group} {name}": found[group].get(name) for group in found for name in beside}
        | {"level_error": float(error), "seconds": seconds}
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with her2st/, mob/ and mob_mice/")
    parser.add_argument("name", choices=["her2st", "mob", "mob_mice"])
    parser.add_argument("--leave", choices=["slide", "donor"], default="slide")
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--patch-um", type=float)
    parser.add_argument("--rows", default="generag,former,ridge_all")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sections, _ = cohort(asked.data, asked.name)
    bank = build_bank(
        sections,
        encoder=asked.encoder,
        patch_um=asked.patch_um,
        thumbnail_px=0,
        cache=asked.cache,
    )
    known = ROWS | {row.name: row for row in standard_rows(DEFAULT, bank)}
    found = {}
    for name in asked.rows.split(","):
        for slide in bank.slides.index:
            found.setdefault(name, {})[slide] = scores(bank, known[name], slide, asked.leave)
            if asked.json is not None:
                asked.json.write_text(json.dumps(found, indent=1) + "\n")
    means = {name: pd.DataFrame(by_slide).T.mean() for name, by_slide in found.items()}
    columns = ["core pcc_300", "global pcc_1000", "global pcc_all", "global partial_all"]
    columns += ["global residual_all", "level_error"]
    print(markdown_table(pd.DataFrame(means).T.reindex(columns=columns).rename_axis(asked.name)))


if __name__ == "__main__":
    main()
