import json
from importlib.util import find_spec
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import tifffile

from spatialrag.bank.build import build_bank
from spatialrag.compatibility import prepare_torchvision
from spatialrag.expression.cohort import read_cohort
from spatialrag.slides.slide import open_slide
from spatialrag.toy import ToyTissue, make_toy

if find_spec("torch"):
    prepare_torchvision()

SMALL = ToyTissue(n_genes=1300, columns=8, rows=7, seed=3)
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def toy_table(tmp_path_factory):
    """slides.csv of a toy tissue: four sections of 56 spots, two donors, panels that differ."""
    return make_toy(tmp_path_factory.mktemp("toy"), settings=SMALL)


@pytest.fixture(scope="session")
def toy_sections(toy_table):
    return read_cohort(toy_table)


@pytest.fixture(scope="session")
def toy_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def toy_bank(toy_sections, toy_cache):
    return build_bank(toy_sections, encoder="color", thumbnail_px=16, cache=toy_cache)


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


@pytest.fixture
def hest_writer():
    return write_hest
