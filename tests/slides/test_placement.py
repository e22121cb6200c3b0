import json
from dataclasses import asdict, replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spatialrag.expression.her2st import read_her2st_section
from spatialrag.slides.placement import Placement, place, warn_if_doubtful
from spatialrag.slides.slide import open_slide
from spatialrag.slides.spots import Spots

WIDTH, HEIGHT, MPP = 420, 360, 2.0


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A section like a bean on glass, nearer the left and the top than the right and the bottom."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    tissue = ((column - 190) / 150) ** 2 + ((row - 150) / 105) ** 2 < 1
    tissue &= ((column - 280) / 80) ** 2 + ((row - 290) / 90) ** 2 > 1
    rng = np.random.default_rng(0)
    pixels = np.where(tissue[..., None], (200, 130, 185), (244, 243, 241)).astype(float)
    pixels = np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("image") / "bean.png"
    Image.fromarray(pixels).save(path)
    return path, tissue


@pytest.fixture(scope="module")
def spots(image):
    """A hexagonal array of 16 px pitch, read where there is tissue."""
    path, tissue = image
    row, column = np.mgrid[:24, :26]
    xy = np.column_stack([((column + 0.5 * (row % 2)) * 16 + 8).ravel(), (row * 13.9 + 8).ravel()])
    on = tissue[xy[:, 1].astype(int), xy[:, 0].astype(int)]
    names = [f"s{i}" for i in range(on.sum())]
    return Spots("S2", names, xy[on], path, MPP, "given")


def placed(spots):
    slide = open_slide(spots.image)
    try:
        return place(spots, slide)
    finally:
        slide.close()


def test_spots_in_place(spots):
    found = placed(spots)
    assert (found.mpp, found.mpp_source, found.n_spots) == (2.0, "given", len(spots.spots))
    assert found.pitch_um == pytest.approx(32)
    assert found.n_off <= 0.02 * found.n_spots
    assert not found.doubtful
    assert json.loads(json.dumps(asdict(found)))["n_off"] == found.n_off


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x, y: (y, x), "x and y swapped"),
        (lambda x, y: (WIDTH - x, y), "mirrored left to right"),
        (lambda x, y: (x, HEIGHT - y), "mirrored top to bottom"),
        (lambda x, y: (WIDTH - x, HEIGHT - y), "turned by 180"),
        (lambda x, y: (x * MPP / 3, y * MPP / 3), ""),  # another scale
        (lambda x, y: (x / MPP, y / MPP), "pixels taken for µm"),
        (lambda x, y: (x + 40, y), "shifted by -3"),
        (lambda x, y: (x, y + 60), "shifted by"),
    ],
)
def test_misfits_are_told_with_their_reason(spots, change, reason):
    x, y = change(*spots.xy.T)
    moved = replace(spots, xy=np.column_stack([x, y]))
    found = placed(moved)
    assert found.doubtful
    assert reason in found.better
    with pytest.warns(UserWarning, match=rf"slide 'S2' do not.*{found.n_off} of .*bean\.png"):
        warn_if_doubtful(found, moved)


def test_a_picture_that_another_program_showed_as_stored(spots, image, tmp_path):
    """EXIF says turned by 90 degrees; the spots index the rows as stored."""
    picture = np.asarray(Image.open(image[0]))
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(picture)))
    exif = stored.getexif()
    exif[274] = 6
    stored.save(tmp_path / "turned.png", exif=exif)
    upright = replace(spots, image=tmp_path / "turned.png")
    assert not placed(upright).doubtful
    as_stored = np.column_stack([spots.xy[:, 1], WIDTH - spots.xy[:, 0]])
    found = placed(replace(upright, xy=as_stored))
    assert "turned by 90 degrees clockwise" in found.better


def test_what_cannot_be_judged(toy_sections, spots):
    for section in toy_sections[:2]:  # tissue up to the rim
        found = placed(section.located)
        assert found.n_off is None
        assert np.isnan(found.off_tissue)
        assert not found.doubtful
    alone = spots.select(spots.spots[100:101])
    assert (placed(alone).n_off, placed(alone).doubtful) == (0, False)
    off = replace(alone, xy=np.array([[WIDTH - 5.0, HEIGHT - 5.0]]))
    assert placed(off).doubtful


def test_shares():
    record = Placement(0.5, "file", 100.0, 200, 30)
    assert record.off_tissue == 0.15
    assert record.doubtful
    assert not replace(record, n_off=10).doubtful
    assert replace(record, n_off=10, better="x and y swapped 0 would").doubtful


def real_spots(data, name):
    if name in ("B4", "C2", "C3", "C4"):
        return read_her2st_section(data / "her2st", name).located
    if name == "A1":
        table = ad.read_h5ad(data / "her2st" / "sections" / "A1.h5ad")
        return Spots("A1", table.obs_names, table.obsm["image_xy"],
                     data / "her2st" / "sections" / "A1.jpg", 3.43)  # fmt: skip
    if name.startswith("MOB"):
        table = ad.read_h5ad(data / "mob" / f"{name}.h5ad")
        return Spots(
            name, table.obs_names, table.obsm["spatial"], data / "mob" / f"{name}.jpg", 6.3
        )
    folder = data / "mob_mice"
    row = pd.read_csv(folder / "slides.csv").set_index("slide").loc[name]
    table = ad.read_h5ad(folder / row["expression"])
    mpp = float(row["mpp"]) if "mpp" in row else 2.76
    return Spots(name, table.obs_names, table.obsm["spatial"], folder / row["image"], mpp)


REAL = ["B4", "C2", "C3", "C4", "A1", "MOB1", "MOB2", "MOB3", "Rep1", "Rep2", "Rep4", "Rep11",
        "Rep12"]  # fmt: skip


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_no_false_alarm_on_real_sections_and_none_missed(data, name):
    spots = real_spots(data, name)
    slide = open_slide(spots.image)
    slide.read_region(0, 0, 1, 1, (1, 1))
    assert place(spots, slide).n_off is not None
    assert not place(spots, slide).doubtful
    swapped = place(replace(spots, xy=spots.xy[:, ::-1]), slide)
    assert swapped.better.startswith("x and y swapped")
    shifted = replace(spots, xy=spots.xy + np.array([0.07 * slide.size[0], 0]))
    assert place(shifted, slide).doubtful
    slide.close()


@pytest.mark.realdata
def test_sections_of_small_scans(data):
    """The same in the default run, on three that decode in no time."""
    for name in ("A1", "MOB2", "Rep12"):
        assert not placed(real_spots(data, name)).doubtful


@pytest.mark.realdata
def test_swapped_axes_of_a_round_section(data):
    """The smallest misfit at hand: 3 of 20 spots."""
    folder = data.parent / "cases" / "genes" / "16-picture-does-not-fit"
    if not folder.is_dir():
        pytest.skip("the cases beside the data are absent")
    for slide, doubtful in (("S1", False), ("S2", True), ("S3", False)):
        table = ad.read_h5ad(folder / f"{slide}.h5ad")
        image = Path(folder / f"{slide}.jpg")
        spots = Spots(slide, table.obs_names, table.obsm["spatial"], image, 2.0)
        assert placed(spots).doubtful == doubtful
        if slide == "S2":
            assert placed(replace(spots, image=folder / "S2_exif6.jpg")).doubtful
            upright = replace(spots, xy=spots.xy[:, ::-1], image=folder / "S2_exif6.jpg")
            assert not placed(upright).doubtful
