import numpy as np
import pytest
import tifffile

from spatialrag.errors import InputError
from spatialrag.slides.mpp import derive_mpp, mpp_of_tiff

PLANE = np.zeros((32, 48, 3), np.uint8)


def test_derived_from_pitch():
    xy = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 272.0
    pixel = derive_mpp(xy, pitch_um=200)
    assert pixel.mpp == pytest.approx(200 / 272)
    assert pixel.source.startswith("derived: 200 µm pitch")


@pytest.mark.parametrize(
    ("xy", "pitch_um", "message"),
    [
        (np.zeros((1, 2)), 200, "cannot be derived from 1 spot"),
        (np.repeat(np.arange(8.0).reshape(4, 2), 2, axis=0), 100, "on top of another"),
        (np.arange(8.0).reshape(4, 2), 0, "not a length"),
        (np.arange(8.0).reshape(4, 2), np.nan, "not a length"),
    ],
)
def test_what_has_no_pitch(xy, pitch_um, message):
    with pytest.raises(InputError, match=message):
        derive_mpp(xy, pitch_um=pitch_um)


def stated(path):
    with tifffile.TiffFile(path) as file:
        series = max(file.series, key=lambda s: s.size)
        return mpp_of_tiff(file, series)


def write_ome(path, *pictures):
    with tifffile.TiffWriter(path, ome=True) as writer:
        for pixels, about in pictures:
            writer.write(pixels, photometric="rgb", metadata={"axes": "YXS", **about})
    return path


def test_an_overview_does_not_speak_for_the_scan(tmp_path):
    micro = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    path = write_ome(
        tmp_path / "a.ome.tif",
        (PLANE[::4, ::4], {"PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0, **micro}),
        (PLANE, {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, **micro}),
    )
    assert stated(path) == 0.5


@pytest.mark.parametrize(("unit", "size"), [("µm", 0.25), ("nm", 250), ("mm", 0.00025)])
def test_units_of_ome(tmp_path, unit, size):
    about = {"PhysicalSizeX": size, "PhysicalSizeXUnit": unit}
    assert stated(write_ome(tmp_path / "a.ome.tif", (PLANE, about))) == pytest.approx(0.25)


def test_resolution_tags(tmp_path):
    def tagged(resolution, unit):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, PLANE, resolution=resolution, resolutionunit=unit)
        return stated(path)

    assert tagged((20_000, 20_000), "CENTIMETER") == pytest.approx(0.5)
    assert tagged((50_800, 50_800), "INCH") == pytest.approx(0.5)
    assert tagged((72, 72), "INCH") is None
    assert tagged((20_000, 20_000), "NONE") is None
    with pytest.raises(InputError, match=r"(?s)not square.*0\.5 x 1 µm"):
        tagged((20_000, 10_000), "CENTIMETER")
