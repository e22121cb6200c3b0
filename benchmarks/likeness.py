"""Is it said when a query slide is not what the bank's slides are? Honest folds and damaged twins.

Every slide of a cohort is asked about, left out of the bank by slide and by donor: as it is, and
with its picture or places altered. The table counts the slides of which something is said.

    python benchmarks/likeness.py ../shared/data --encoder color --json docs/results/likeness.json
"""

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter, ImageOps

import spatialrag as sr
from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.expression.section import Section
from spatialrag.prediction.likeness import find_doubts
from spatialrag.slides.spots import Spots

Image.MAX_IMAGE_PIXELS = None
BLUR_UM = 5.0
FACTOR = 1.2  # of µm per pixel
MOB = "slide,donor,expression,image,pitch_um\n" + "".join(
    f"MOB{i},animal{i // 3 + 1},{{data}}/mob/MOB{i}.h5ad,{{data}}/mob/MOB{i}.jpg,200\n"
    for i in (1, 2, 3)
)


def cohorts(data: Path, folder: Path) -> dict[str, list[Section]]:
    """Return the sections of each cohort."""
    (folder / "mob.csv").write_text(MOB.format(data=data.resolve()))
    return {
        "HER2ST": read_her2st_cohort(data / "her2st", sections=["B4", "C2", "C3", "C4"]),
        "MOB": sr.read_cohort(folder / "mob.csv"),
        "mob_mice": sr.read_cohort(data / "mob_mice" / "slides.csv"),
    }


def altered(
    spots: Spots, other: Spots, foreign: Spots, folder: Path
) -> dict[str, Callable[[], Spots]]:
    """Return ways to damage a query, by name."""
    picture = Image.open(spots.require_image()).convert("RGB")
    size = np.array(picture.size)

    def drawn(name: str, image: Image.Image) -> Spots:
        path = folder / f"{spots.slide}-{name}.png"
        image.save(path, compress_level=1)
        return replace(spots, image=path)

    def elsewhere(where: Spots, *, scaled: bool) -> Spots:
        width = np.array(Image.open(where.require_image()).size)
        xy = spots.xy * width / size if scaled else spots.xy
        kept = (xy < width).all(axis=1)
        moved = replace(spots, xy=xy, image=where.image, mpp=where.mpp if scaled else spots.mpp)
        return moved.select(spots.spots[kept])

    mpp = spots.require_mpp()
    return {
        "as it is": lambda: spots,
        "another slide's picture": lambda: elsewhere(other, scaled=False),
        "another tissue": lambda: foreign,
        "another tissue, own places": lambda: elsewhere(foreign, scaled=True),
        "grey": lambda: drawn("grey", ImageOps.grayscale(picture).convert("RGB")),
        "blurred": lambda: drawn(
            "blurred", picture.filter(ImageFilter.GaussianBlur(BLUR_UM / mpp))
        ),
        f"µm per pixel x {FACTOR}": lambda: replace(spots, mpp=mpp * FACTOR),
        f"µm per pixel / {FACTOR}": lambda: replace(spots, mpp=mpp / FACTOR),
        "mirrored": lambda: replace(spots, xy=np.c_[size[0] - spots.xy[:, 0], spots.xy[:, 1]]),
        "x and y swapped": lambda: replace(spots, xy=spots.xy[:, ::-1]),
    }


def folds(bank: Bank, section: Section) -> Iterator[tuple[str, Bank]]:
    """Yield the banks that a section is asked of."""
    yield "slide", bank.without(slides=[section.slide])
    rest = bank.slides.index[bank.slides["donor"] != section.donor]
    if len(rest) and len(rest) < len(bank.slides) - 1:
        yield "donor", bank.select(rest)


def measure(sections: list[Section], foreign: Section, encoder: str, folder: Path) -> list[dict]:
    """Return what is said of every slide, however altered, and of every bank."""
    bank, found = sr.build_bank(sections, encoder=encoder, cache=folder), []
    for section in sections:
        other = next(each for each in sections if each.slide != section.slide)
        ways = altered(section.located, other.located, foreign.located, folder)
        for name, make in ways.items():
            try:
                queries = sr.embed(make(), encoder=encoder, context=6, thumbnail_px=64)
            except InputError:
                found.append({"slide": section.slide, "query": name, "said": ["refused"]})
                continue
            for left, references in folds(bank, section):
                said = [doubt.fact for doubt in find_doubts(queries, references)]
                found.append(
                    {"slide": section.slide, "query": name, "left_out": left, "said": said}
                )
    return found


def main() -> None:
    """Measure, print the table and write every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", default="color")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read = cohorts(given.data, folder)
        found = []
        for cohort, sections in read.items():
            foreign = read["mob_mice" if cohort == "HER2ST" else "HER2ST"][0]
            cases = measure(sections, foreign, given.encoder, folder)
            found += [{"cohort": cohort, **case} for case in cases]
    if given.json:
        given.json.write_text(json.dumps({"encoder": given.encoder, "cases": found}, indent=1))
    table = pd.DataFrame(found)
    facts = ("contrast", "sharpness", "colour", "off_tissue", "pitch", "refused")
    for fact in facts:
        table[fact] = [fact in said for said in table["said"]]
    table["any"] = table["said"].str.len() > 0
    counted = table.groupby("query", sort=False)
    print(counted[[*facts, "any"]].sum().assign(cases=counted.size()).to_string())


if __name__ == "__main__":
    main()
