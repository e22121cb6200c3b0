"""What the defaults of the image block, patches and context were chosen from.

HER2ST C2, C3, C4 (B4 among their references) or MOB1-3, color encoder, one slide left out; mean
over slides of the mean r of core and of global genes. Everything else as in `GeneRAG()`.

    python benchmarks/settings.py ../shared/data her2st --cache cache
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from spatialrag import GeneRAG, build_bank, loso, read_section
from spatialrag.evaluation.methods import Row
from spatialrag.evaluation.report import markdown_table
from spatialrag.expression.cohort import read_her2st_cohort
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
EMBEDDINGS = {"100 µm": (100.0, 6), "220 µm": (220.0, 6), "no context": (150.0, 0)}


def cohort(data, name):
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


def scores(sections, slides, rows, cache, patch_um=150.0, context=6):
    bank = build_bank(
        sections,
        encoder="color",
        patch_um=patch_um,
        context=context,
        thumbnail_px=0,
        cache=cache,
    )
    means = loso(bank, rows=rows, slides=slides).mean()
    return {
        row.name: (means[row.name]["core"]["pcc_all"], means[row.name]["global"]["pcc_all"])
        for row in rows
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with her2st/ and mob/")
    parser.add_argument("name", choices=["her2st", "mob"])
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    sections, slides = cohort(arguments.data, arguments.name)
    found = scores(sections, slides, ROWS, arguments.cache)
    for label, (patch_um, context) in EMBEDDINGS.items():
        one = scores(sections, slides, ROWS[:1], arguments.cache, patch_um, context)
        found[label] = one["default"]
    frame = pd.DataFrame(found, index=["core", "global"]).T
    print(markdown_table(frame.rename_axis(arguments.name)))


if __name__ == "__main__":
    main()
