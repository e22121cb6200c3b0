import ast
import json
import os
import threading
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import tifffile
from filelock import FileLock

from spatialrag.bank.build import bank_of_section, build_bank, join_banks
from spatialrag.compatibility import prepare_torchvision
from spatialrag.expression.cohort import read_cohort
from spatialrag.slides.slide import MultiSizeSlide, open_slide
from spatialrag.toy import ToyTissue, make_toy

if find_spec("torch"):
    prepare_torchvision()
if "OMP_NUM_THREADS" in os.environ:  # numba would overrule it, for torch as well: see the Makefile
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

SMALL = ToyTissue(n_genes=1300, columns=8, rows=7, seed=3)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """Return ``built_once(name, make)``: a folder that one process makes and all others read."""

    def built_once(name, make):
        if "PYTEST_XDIST_WORKER" not in os.environ:
            folder = tmp_path_factory.mktemp(name)
            make(folder)
            return folder
        folder = tmp_path_factory.getbasetemp().parent / name
        with FileLock(folder.with_suffix(".lock")):
            if not folder.exists():
                aside = tmp_path_factory.mktemp(name)
                make(aside)
                aside.rename(folder)
        return folder

    return built_once


@pytest.fixture(scope="session")
def toy_table(built_once):
    """slides.csv of a toy tissue: four sections of 56 spots, two donors, panels that differ."""
    return built_once("toy", lambda folder: make_toy(folder, settings=SMALL)) / "slides.csv"


@pytest.fixture(scope="session")
def toy_sections(toy_table):
    return read_cohort(toy_table)


@pytest.fixture(scope="session")
def toy_cache(toy_sections, built_once):
    """The embeddings of the toy's patches, to be given as ``cache``."""
    return built_once("embedded", lambda folder: build_toy_bank(toy_sections, folder))


@pytest.fixture(scope="session")
def toy_bank(toy_sections, toy_cache):
    return build_toy_bank(toy_sections, toy_cache)


def build_toy_bank(sections, cache):
    return build_bank(sections, encoder="color", thumbnail_px=16, cache=cache)


@pytest.fixture(scope="session")
def copied():
    """Return ``copied(bank, slide, name, donor)``: a slide under another name, as a bank."""

    def copied(bank, slide, name, donor):
        alone = bank.select([slide])
        names = [f"{name}:{barcode}" for barcode in alone.references["barcode"]]
        return replace(
            alone,
            slides=alone.slides.rename(index={slide: name}).assign(donor=donor),
            references=alone.references.assign(slide=name, donor=donor).set_axis(names),
        )

    return copied


@pytest.fixture(scope="session")
def little_bank(toy_bank, toy_sections):
    """Three slides of 20 spots, 145 genes and vectors of 24 numbers, where the toy is too slow."""
    return join_banks([cut(section, toy_bank) for section in toy_sections[:3]])


def cut(section, bank, n_spots=20, every=9, dim=24):
    """Return a small part of a section with a part of its embeddings, as a bank."""
    embeddings = bank.embeddings_of(section.slide)
    record = replace(embeddings.encoder, name="part", dim=dim)
    part = replace(section.select(section.spots[:n_spots]), image=None)
    genes = np.flatnonzero([int(name.removeprefix("TOY")) % every == 0 for name in part.genes])
    part = replace(part, expression=part.expression[:, genes], genes=part.genes[genes])
    return bank_of_section(
        part,
        replace(
            embeddings,
            vectors=np.ascontiguousarray(embeddings.vectors[:n_spots, :dim]),
            spots=part.spots,
            xy=part.xy,
            encoder=record,
        ),
    )


@pytest.fixture(scope="session")
def plain_bank(toy_bank, toy_sections, toy_cache):
    """The same spots embedded without context, and without pictures; vectors from the cache."""
    return build_bank(toy_sections, encoder="color", context=0, thumbnail_px=0, cache=toy_cache)


@pytest.fixture(scope="session")
def references(toy_bank):
    """The bank without the slide that tests ask about."""
    return toy_bank.without(slides=["toy4"])


@pytest.fixture(scope="session")
def queries(toy_bank):
    return toy_bank.embeddings_of("toy4")


@pytest.fixture
def parameters_of():
    """Return what a class of an installed package is made with, read without importing it."""

    def parameters_of(package, file, name):
        spec = find_spec(package)
        if spec is None:
            pytest.skip(f"{package} is not installed")
        tree = ast.parse((Path(spec.origin).parent / file).read_text())
        made = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
        init = next(n for n in made.body if getattr(n, "name", "") == "__init__")
        return {argument.arg for argument in init.args.args + init.args.kwonlyargs}

    return parameters_of


@pytest.fixture(scope="session")
def data():
    """The folder of real measurements beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the real data folder ../shared/data is absent")
    return DATA


def write_hest(section, root, *, whole=True, patches=True, without=0, **facts):
    """Write a section as HEST does; the first ``without`` spots get no patch."""
    for name in ("st", "wsis", "patches", "metadata"):
        (root / name).mkdir(parents=True, exist_ok=True)
    slide = section.slide
    adata = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    adata.obs_names, adata.var_names = section.spots, section.genes
    adata.obs["in_tissue"] = 1
    adata.write_h5ad(root / "st" / f"{slide}.h5ad")
    facts = {"id": slide, "patient": section.donor, "pixel_size_um_estimated": section.mpp} | facts
    (root / "metadata" / f"{slide}.json").write_text(json.dumps(facts))
    image = open_slide(section.image)
    if whole:
        width, height = image.size
        options = {"photometric": "rgb", "tile": (256, 256), "metadata": None}
        with tifffile.TiffWriter(root / "wsis" / f"{slide}.tif", bigtiff=True) as writer:
            for level in range(2):
                size = (width >> level, height >> level)
                pixels = image.read_region(0, 0, width, height, size)
                writer.write(pixels, subfiletype=int(level > 0), **options)
    if patches:
        side = 112 / section.mpp
        corners = np.round(section.xy[without:] - side / 2).astype(int)
        px = round(side)
        cut = [image.read_region(int(x), int(y), px, px, (224, 224)) for x, y in corners]
        order = np.random.default_rng(0).permutation(len(cut))
        with h5py.File(root / "patches" / f"{slide}.h5", "w") as file:
            file["img"] = np.stack(cut)[order]
            file["img"].attrs["downsample"] = px / 224
            file["coords"] = corners[order]
            file["barcode"] = section.spots[without:][order].astype("S")[:, None]
    image.close()


@dataclass
class SlidesRead:
    """What was asked of slides: files opened, how often closed, regions decoded."""

    opened: list[str] = field(default_factory=list)
    closed: int = 0
    regions: int = 0

    def lend(self, slide):
        """Return a slide that is open already, counted as well."""
        return CountedSlide(slide, self)


class CountedSlide(MultiSizeSlide):
    def __init__(self, slide, read):
        self.path, self.size, self.mpp = slide.path, slide.size, slide.mpp
        self._slide, self._read, self._lock = slide, read, threading.Lock()

    def read_sizes(self, x, y, width, height, sizes):
        with self._lock:
            self._read.regions += 1
        return self._slide.read_sizes(x, y, width, height, sizes)

    def close(self):
        self._read.closed += 1
        self._slide.close()


@pytest.fixture
def slides_read(monkeypatch):
    """Count what is read of slides from here on."""
    read = SlidesRead()

    def open_counted(path):
        read.opened.append(Path(path).name)
        return CountedSlide(open_slide(path), read)

    monkeypatch.setattr("spatialrag.slides.slide.open_slide", open_counted)
    return read


@pytest.fixture
def hest_writer():
    return write_hest
