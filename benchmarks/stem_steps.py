"""Samplers of Stem: how few steps keep the accuracy of 1,000, for either target of the denoiser.

One small Stem per target is trained on HER2ST without section C2, and C2 is predicted with every
sampler. What is predicted is the mean of samples; ``evaluations`` of the network are per spot.

    python benchmarks/stem_steps.py ../shared/data --encoder onnx:FILE --json stem_steps.json
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from spatialrag import build_bank
from spatialrag.encoders.encoder import make_encoder
from spatialrag.evaluation.panel import fix_panel
from spatialrag.evaluation.report import scores_markdown
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.metrics.expression import pcc_k, pearson_per_gene
from spatialrag.prediction.backbones.stem.diffusion import TARGETS
from spatialrag.prediction.backbones.stem.stem import Stem
from spatialrag.provenance import origin

SCALE = "log1p_cp10k"
SLIDE = "C2"
# steps, start, samples, ancestral
SAMPLERS = [
    (1000, 1.0, 1, True),
    (100, 1.0, 1, False),
    (10, 1.0, 1, False),
    (10, 1.0, 10, False),
    (10, 0.7, 10, False),
    (2, 1.0, 10, False),
    (2, 0.7, 1, False),
    (2, 0.7, 10, False),
    (2, 0.7, 50, False),
    (1, 0.7, 10, False),
    (1, 1.0, 1, False),
    (1, 1.0, 10, False),
]


def score(trained, queries, test):
    columns = test.columns_of(trained.genes)
    truth = test.on_scale(SCALE)[:, columns].toarray()[~test.empty]
    values = np.maximum(trained.predict(queries)[~test.empty], 0)
    r = pearson_per_gene(values, truth)
    return {"pcc_50": pcc_k(r, 50), "pcc_300": pcc_k(r, 300)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder with her2st/")
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bank = build_bank(
        read_her2st_cohort(options.data / "her2st", ["B4", "C2", "C3", "C4"]),
        encoder=make_encoder(options.encoder),
        thumbnail_px=0,
        cache=options.cache,
    )
    references, test = bank.without(slides=[SLIDE]), bank.select([SLIDE])
    queries = test.embeddings_of(SLIDE)
    core = fix_panel(references, test.genes).genes[:300]
    rows = []
    for target in TARGETS:
        started = time.perf_counter()
        trained = Stem(predicts=target).fit(references, core, scale=SCALE)
        seconds = time.perf_counter() - started
        print(f"{target}: {trained.epochs} epochs kept, {seconds:.0f} s", flush=True)
        for steps, start, samples, ancestral in SAMPLERS:
            sampler = {"steps": steps, "start": start, "samples": samples, "ancestral": ancestral}
            changed = replace(trained.settings, **sampler)
            trained.network.settings = changed
            started = time.perf_counter()
            row = {"target": target, **sampler, "evaluations": steps * samples}
            row |= score(trained, queries, test)
            row["seconds"] = time.perf_counter() - started
            rows.append(row)
            print(row, flush=True)
    print(scores_markdown(pd.DataFrame(rows).set_index("target"), index="target"))
    if options.json:
        record = origin() | {"encoder": options.encoder, "slide": SLIDE, "rows": rows}
        options.json.write_text(json.dumps(record, indent=1, default=np.generic.item) + "\n")


if __name__ == "__main__":
    main()
