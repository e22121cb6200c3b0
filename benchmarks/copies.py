"""Likeness of copies and of honest pairs, and equal counts of honest pairs.

python benchmarks/copies.py ../shared/data --json copies.json
"""

import argparse
import json
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from spatialrag.evaluation.report import scores_markdown
from spatialrag.expression.cohort import read_cohort, read_her2st_cohort
from spatialrag.expression.equal_spots import share_of_equal_spots
from spatialrag.slides.keypoints import Keypoints
from spatialrag.slides.likeness import LIKE, likeness
from spatialrag.slides.picture_marks import mark_picture
from spatialrag.toy import ToyTissue, make_toy

PICTURES = {
    **{f"MOB{i}": f"mob/MOB{i}.jpg" for i in (1, 2, 3)},
    **{f"Rep{i}": f"mob_mice/Rep{i}_HE.jpg" for i in (1, 2, 4, 11, 12)},
    "A1": "her2st/sections/A1.jpg",
    "B4": "her2st/data/ST-imgs/B/B4/BT10737_D2_HE.jpg",
    "C2": "her2st/data/ST-imgs/C/C2/5714_HE_BT_C2.jpg",
    "C3": "her2st/data/ST-imgs/C/C3/5714_HE_BT_D1.jpg",
    "C4": "her2st/data/ST-imgs/C/C4/5714_HE_BT_D2.jpg",
    "Visium 600 px": "visium/Vis5A_2dpi/spatial/tissue_lowres_image.png",
}
SERIAL = [
    {"MOB1", "MOB2", "MOB3"},
    {"Rep1", "Rep2", "Rep4"},
    {"Rep11", "Rep12"},
    {"C2", "C3", "C4"},
]
GROUPS = {"MOB": "MOB (3)", "Rep": "mob_mice (5)", "toy": "toy (4)"} | dict.fromkeys(
    "ABC", "HER2ST (5)"
)
LARGEST = 2400  # pixels: larger scans are read at a half, a quarter, … of their size
Turn = Image.Transpose


def resized(image, scale):
    return image.resize((round(image.width * scale), round(image.height * scale)))


def cut(image, left, top, right, bottom):
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(map(round, box)))


def stained(image):
    pixels = np.asarray(image, float) / 255
    return Image.fromarray((np.clip(pixels**1.15 * (1, 0.93, 1.04), 0, 1) * 255).astype(np.uint8))


def several(image):
    return resized(cut(stained(image), 0.15, 0.03, 0.1, 0.12), 0.61)


# What is done to a picture, and the quality of the JPEG it is saved as.
COPIES = {
    "JPEG of quality 40": (lambda image: image, 40),
    "0.5 times": (lambda image: resized(image, 0.5), 90),
    "0.73 times": (lambda image: resized(image, 0.73), 90),
    "1.37 times": (lambda image: resized(image, 1.37), 90),
    "2 times": (lambda image: resized(image, 2.0), 90),
    "5 % cut from every side": (lambda image: cut(image, 0.05, 0.05, 0.05, 0.05), 90),
    "15 % cut from every side": (lambda image: cut(image, 0.15, 0.15, 0.15, 0.15), 90),
    "15, 2, 8, 13 % cut": (lambda image: cut(image, 0.15, 0.02, 0.08, 0.13), 90),
    "other colors": (stained, 90),
    "turned by 90°": (lambda image: image.transpose(Turn.ROTATE_90), 90),
    "mirrored": (lambda image: image.transpose(Turn.FLIP_LEFT_RIGHT), 90),
    "cut, colors, 0.61 times, JPEG 40": (several, 40),
    "the same, mirrored": (lambda image: several(image).transpose(Turn.TRANSPOSE), 40),
}


def open_picture(path):
    Image.MAX_IMAGE_PIXELS = None
    image = Image.open(path)
    image.draft("RGB", (LARGEST // 2, LARGEST // 2))
    image = image.convert("RGB")
    image.thumbnail((LARGEST, LARGEST))
    return image


def keypoints_of(path):
    return Keypoints.of_text(mark_picture(path).keypoints)


def measure_pictures(images, folder):
    """Return scores of copies (kind by slide), scores of honest pairs, and seconds."""
    known, seconds = {}, []
    for name, image in images.items():
        image.save(folder / "original.png", compress_level=1)
        started = time.perf_counter()
        known[name] = keypoints_of(folder / "original.png")
        seconds.append(time.perf_counter() - started)
    copies = {kind: {} for kind in COPIES}
    for kind, (change, quality) in COPIES.items():
        for name, image in images.items():
            change(image).save(folder / "copy.jpg", quality=quality)
            copies[kind][name] = likeness(known[name], keypoints_of(folder / "copy.jpg"))
    started = time.perf_counter()
    honest = [
        {"one": one, "other": other, "likeness": likeness(known[one], known[other])}
        for one, other in combinations(known, 2)
    ]
    each = (time.perf_counter() - started) / len(honest)
    sizes = {name: len(found.text) for name, found in known.items()}
    times = {"marks": float(np.median(seconds)), "pair": each}
    return copies, honest, {"seconds": times, "bytes": sizes}


def share_of_sections(one, other):
    _, *columns = np.intersect1d(one.genes, other.genes, return_indices=True)
    return share_of_equal_spots(one.expression[:, columns[0]], other.expression[:, columns[1]])


def measure_counts(cohorts):
    """Return how many honest pairs of sections there are, and the largest share of equal spots."""
    found = {}
    for name, sections in cohorts.items():
        shares = [share_of_sections(one, other) for one, other in combinations(sections, 2)]
        found[name] = {"pairs": len(shares), "largest": max(shares)}
    return found


def kind_of(pair):
    names = {pair["one"], pair["other"]}
    if any(names <= serial for serial in SERIAL):
        return "serial sections"
    return "toy slides" if all(name.startswith("toy") for name in names) else "others"


def show(found):
    copies = pd.DataFrame(found["copies"]).T
    table = copies.T.groupby(lambda name: GROUPS.get(name.rstrip("0123456789"), name)).min().T
    print(scores_markdown(table.map("{:.2f}".format), index="lowest likeness of copies"), "\n")
    pairs = pd.DataFrame(found["honest"])
    pairs["kind"] = [kind_of(pair) for pair in found["honest"]]
    table = pairs.groupby("kind")["likeness"].agg(["size", "median", "max"])
    shown = table.map("{:.3f}".format).assign(size=table["size"].astype(str))
    print(scores_markdown(shown, index="honest pairs"), "\n")
    counts = pd.DataFrame(found["counts"]).T
    counts = counts.assign(pairs=counts["pairs"].astype(int).astype(str))
    print(scores_markdown(counts, index="counts of honest pairs"), "\n")
    print(found["seconds"], found["bytes"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder of real measurements")
    parser.add_argument("--json", type=Path, help="write every score here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_toy(folder, settings=ToyTissue(n_genes=1300))
        images = {slide: open_picture(arguments.data / path) for slide, path in PICTURES.items()}
        for path in sorted((folder / "slides").iterdir()):
            images[path.stem] = open_picture(path)
        copies, honest, costs = measure_pictures(images, folder)
        cohorts = {"toy": read_cohort(folder / "slides.csv")}
        cohorts["mob_mice"] = read_cohort(arguments.data / "mob_mice" / "slides.csv")
        cohorts["her2st"] = read_her2st_cohort(arguments.data / "her2st")
        counts = measure_counts(cohorts)
    found = {"threshold": LIKE, "copies": copies, "honest": honest, "counts": counts} | costs
    if arguments.json:
        arguments.json.write_text(json.dumps(found) + "\n")
    show(found)


if __name__ == "__main__":
    main()
