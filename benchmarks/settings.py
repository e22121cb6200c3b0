"""What the defaults of the image block, patches and context were chosen from, and other choices.

`--compare settings`: HER2ST C2, C3, C4 (B4 among their references) or MOB1-3. `anchors` (variable
or co-expressed) and `initial` (predictions below 0 raised to 0, or not): every slide of the cohort.
One slide left out, or its donor; mean over slides of the mean r of core and of global genes.
Everything else as in `GeneRAG()`, and the color encoder unless another is named.

    python benchmarks/settings.py ../shared/data her2st --cache cache
    python benchmarks/settings.py ../shared/data mob_mice --compare anchors --leave donor
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from spatialrag import GeneRAG, build_bank, loso, read_section
from spatialrag.evaluation.methods import Row
from spatialrag.evaluation.report import scores_markdown
from spatialrag.expression.cohort import read_cohort, read_her2st_cohort
from spatialrag.prediction.controls import BackboneOnly

DEFAULT = GeneRAG()
BLOCKS = [
    Row(f"{block}, w = {weight:g}", replace(DEFAULT, image_weight=weight, image_block=block))
    for block, weight in (("embedding", 0.1), ("standardized", 0.05), ("standardized", 0.1))
]
ROWS = [
    Row("default", DEFAULT),
    Row("no images", replace(DEFAULT, image_weight=0.0)),
    *BLOCKS,
    Row("supervised, w = 0.1", replace(DEFAULT, image_weight=0.1, image_block="supervised")),
    Row("blocks centred", replace(DEFAULT, scaling="standardized")),
    Row("300 anchors", replace(DEFAULT, n_anchors=300)),
    Row("ridge_all", BackboneOnly()),
]
FEW = replace(DEFAULT, n_anchors=300)
LOG1P = replace(DEFAULT, scale="log1p")
COMPARED = {
    "settings": ROWS,
    "anchors": [
        Row("generag", DEFAULT),
        Row("generag_coexpressed", replace(DEFAULT, anchors="coexpressed")),
        Row("generag, 300 anchors", FEW),
        Row("generag_coexpressed, 300 anchors", replace(FEW, anchors="coexpressed")),
    ],
    "initial": [
        Row(f"{told}, {method.scale}", replace(method, clip_initial=clip))
        for method in (DEFAULT, LOG1P)
        for clip, told in ((True, "raised to 0"), (False, "as predicted"))
    ],
}
EMBEDDINGS = {"100 µm": (100.0, 6), "220 µm": (220.0, 6), "no context": (150.0, 0)}


def cohort(data, name):
    if name == "mob_mice":
        return read_cohort(data / "mob_mice" / "slides.csv"), None
    if name == "her2st":
        return read_her2st_cohort(data / "her2st", ["B4", "C2", "C3", "C4"]), ["C2", "C3", "C4"]
    mob = [
        read_section(
            data / f"mob/MOB{i}.h5ad",
            slide=f"MOB{i}",
            donor=f"animal{i // 3 + 1}",
            image=data / f"mob/MOB{i}.jpg",
            pitch_um=200,
        )
        for i in (1, 2, 3)
    ]
    return mob, None


def scores(sections, slides, rows, asked, patch_um=150.0, context=6):
    bank = build_bank(
        sections,
        encoder=asked.encoder,
        patch_um=patch_um,
        context=context,
        thumbnail_px=0,
        cache=asked.cache,
    )
    means = loso(bank, rows=rows, slides=slides, leave=asked.leave).mean()
    return {
        row.name: (means[row.name]["core"]["pcc_all"], means[row.name]["global"]["pcc_all"])
        for row in rows
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with her2st/, mob/ and mob_mice/")
    parser.add_argument("name", choices=["her2st", "mob", "mob_mice"])
    parser.add_argument("--compare", choices=list(COMPARED), default="settings")
    parser.add_argument("--leave", choices=["slide", "donor"], default="slide")
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    sections, slides = cohort(asked.data, asked.name)
    if asked.compare != "settings":
        slides = None
    found = scores(sections, slides, COMPARED[asked.compare], asked)
    if asked.compare == "settings":
        for label, (patch_um, context) in EMBEDDINGS.items():
            one = scores(sections, slides, ROWS[:1], asked, patch_um, context)
            found[label] = one["default"]
    frame = pd.DataFrame(found, index=["core", "global"]).T
    print(scores_markdown(frame.rename_axis(asked.name)))


if __name__ == "__main__":
    main()
