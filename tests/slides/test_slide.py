"""One picture, many files: the door gives the same pixels, or says by name what it refuses."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings, strategies as st
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.slides import tiff_slide
from spatialrag.slides.openslide_slide import OpenSlideSlide
from spatialrag.slides.patch_slide import PatchSlide
from spatialrag.slides.pillow_slide import PillowSlide
from spatialrag.slides.slide import open_slide, opened, thumbnail
from spatialrag.slides.tiff_slide import TiffSlide

TILES = {"tile": (64, 64)}
RGB = {"photometric": "rgb"}
LOSSY = 3.0  # mean difference that a lossy compression may make


def whole(path):
    slide = open_slide(path)
    try:
        return slide.read_region(0, 0, *slide.size, slide.size)
    finally:
        slide.close()


def grey3(grey):
    return np.repeat(grey[..., None], 3, axis=-1)


def on_white(rgb, alpha):
    """Straight alpha over white, in floating point."""
    share = alpha[..., None] / 255
    return rgb * share + 255 * (1 - share)


def assert_same(found, expected, *, lossy=False):
    difference = np.abs(found.astype(float) - expected)
    assert found.shape == expected.shape
    if lossy:
        assert difference.mean() < LOSSY
    else:
        assert difference.max() <= 1


COMPRESSIONS = {
    None: False, "deflate": False, "packbits": False, "lzma": False, "lzw": False, "zstd": False,
    "png": False, "jpeg2000": False, "jpegxl": False, "webp": True, "jpeg": True, "jpegxr": True,
}  # fmt: skip


@pytest.mark.parametrize("layout", ["tiles", "strips", "strip"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressions_of_tiff(tmp_path, picture, compression, layout):
    if compression not in (None, "deflate", "packbits", "lzma"):
        pytest.importorskip("imagecodecs")
    cut = {"tiles": TILES, "strips": {"rowsperstrip": 16}, "strip": {"rowsperstrip": 200}}[layout]
    tifffile.imwrite(tmp_path / "s.tif", picture, compression=compression, **RGB, **cut)
    assert_same(whole(tmp_path / "s.tif"), picture, lossy=COMPRESSIONS[compression])


def kinds_of_tiff(picture, alpha):
    """What a TIFF may hold of one picture: samples, what they should become, how they are saved."""
    grey = picture[..., 0]
    deep = picture.astype(np.uint16) * 257
    first = np.moveaxis(picture, -1, 0)
    faded = np.dstack([np.round(picture * (alpha[..., None] / 255)).astype(np.uint8), alpha])
    palette = np.random.default_rng(1).integers(0, 256, (3, 256)).astype(np.uint16)
    straight = {"extrasamples": ["unassalpha"]}
    black, white = {"photometric": "minisblack"}, {"photometric": "miniswhite"}
    return {
        "planar": (first, picture, RGB | {"planarconfig": "separate"}),
        "planar tiles": (first, picture, RGB | TILES | {"planarconfig": "separate"}),
        "big endian": (picture, picture, RGB | {"byteorder": ">"}),
        "BigTIFF": (picture, picture, RGB | TILES | {"bigtiff": True}),
        "predictor": (picture, picture, RGB | TILES | {"compression": "zlib", "predictor": True}),
        "16 bits": (deep, picture, RGB | TILES),
        "16 bits big endian": (deep, picture, RGB | {"byteorder": ">"}),
        "grey": (grey, grey3(grey), black),
        "grey 16 bits": (deep[..., 0], grey3(grey), black),
        "min is white": (255 - grey, grey3(grey), white | TILES),
        "min is white 16 bits": (65535 - deep[..., 0], grey3(grey), white),
        "bilevel": (grey > 128, grey3((grey > 128) * np.uint8(255)), black),
        "straight alpha": (np.dstack([picture, alpha]), on_white(picture, alpha), RGB | straight),
        "tiles with alpha": (
            np.dstack([picture, alpha]),
            on_white(picture, alpha),
            RGB | TILES | straight,
        ),
        "16 bits with alpha": (
            np.dstack([picture, alpha]).astype(np.uint16) * 257,
            on_white(picture, alpha),
            RGB | straight,
        ),
        "premultiplied alpha": (
            faded,
            on_white(picture, alpha),
            RGB | {"extrasamples": ["assocalpha"]},
        ),
        "grey with alpha": (
            np.dstack([grey, alpha]),
            on_white(grey3(grey), alpha),
            black | straight | {"planarconfig": "contig"},
        ),
        "palette": (grey, palette.T[grey], {"photometric": "palette", "colormap": palette * 257}),
        "palette of 8 bits": (
            grey,
            palette.T[grey],
            {"photometric": "palette", "colormap": palette},
        ),
        "channels first": (first, picture, black | {"metadata": {"axes": "CYX"}}),
        "one plane of a stack": (picture[None], picture, RGB | {"metadata": {"axes": "ZYXS"}}),
    }


TIFF_KINDS = list(kinds_of_tiff(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)))


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_kinds_of_tiff(tmp_path, picture, alpha, kind):
    samples, expected, how = kinds_of_tiff(picture, alpha)[kind]
    tifffile.imwrite(tmp_path / "s.tif", samples, **how)
    assert_same(whole(tmp_path / "s.tif"), expected)


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_without_tifffiles_codecs_the_pixels_are_the_same(
    tmp_path, picture, alpha, kind, monkeypatch
):
    """Pillow decodes what tifffile cannot without imagecodecs, or it is refused."""
    samples, expected, how = kinds_of_tiff(picture, alpha)[kind]
    tifffile.imwrite(tmp_path / "s.tif", samples, **how)
    monkeypatch.setattr(tiff_slide, "decoded_to_rgb", lambda page: False)
    if kind in ("channels first", "min is white 16 bits", "palette of 8 bits"):
        with pytest.raises(InputError, match="cannot be decoded: compression NONE"):
            whole(tmp_path / "s.tif")
    else:
        assert_same(whole(tmp_path / "s.tif"), expected)


@pytest.mark.parametrize("axes", ["YXS", "CYX", "SYX", "TCZYX", "ZCTYX", "ZYXS", "YX"])
def test_axes_of_ome(tmp_path, picture, axes):
    first = np.moveaxis(picture, -1, 0)
    samples = {
        "YXS": picture, "CYX": first, "SYX": first, "TCZYX": first[None, :, None],
        "ZCTYX": first[None, :, None], "ZYXS": picture[None], "YX": picture[..., 0],
    }[axes]  # fmt: skip
    how = {"photometric": "rgb" if "S" in axes else "minisblack"}
    how |= {"planarconfig": "separate"} if axes == "SYX" else {}
    path = tmp_path / "s.ome.tif"
    tifffile.imwrite(path, samples, ome=True, metadata={"axes": axes}, **how)
    assert_same(whole(path), grey3(picture[..., 0]) if axes == "YX" else picture)


def turned(picture, code):
    """What has to be stored so that a reader that heeds the code shows the picture (TIFF 6.0)."""
    return {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: np.rot90(p, 2),
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: np.rot90,  # shown by turning it clockwise
        7: lambda p: np.rot90(p.swapaxes(0, 1), 2),
        8: lambda p: np.rot90(p, -1),
    }[code](picture)


@pytest.mark.parametrize("code", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_orientation_is_applied(tmp_path, picture, suffix, code):
    stored = np.ascontiguousarray(turned(picture, code))
    path = tmp_path / f"s.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, stored, extratags=[(274, 3, 1, code, False)], **RGB, **TILES)
    else:
        image = Image.fromarray(stored)
        exif = image.getexif()
        exif[274] = code
        image.save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    slide = open_slide(path)
    assert slide.size == (264, 200)
    shown = slide.read_region(0, 0, 264, 200, (264, 200))
    assert_same(shown, picture, lossy=suffix == "jpg")
    # A region that leaves the picture at every side is found at the same place.
    corner = slide.read_region(-7, -9, 30, 20, (30, 20))
    assert (corner[:9] == 255).all()
    assert (corner[:, :7] == 255).all()
    np.testing.assert_array_equal(corner[9:, 7:], shown[:11, :23])
    far = slide.read_region(250, 190, 30, 20, (30, 20))
    np.testing.assert_array_equal(far[:10, :14], shown[190:, 250:])
    assert (far[10:] == 255).all()


def kinds_of_png(picture, alpha):
    grey = picture[..., 0]
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    few = Image.fromarray(picture).quantize(64)
    colors = np.asarray(few.convert("RGB"))
    third = np.where((np.asarray(few) == 3)[..., None], 255, colors)
    keyed = np.where((picture == picture[5, 5]).all(axis=-1)[..., None], 255, picture)
    key = tuple(int(value) for value in picture[5, 5])
    return {
        "RGB": (Image.fromarray(picture), picture, {}),
        "RGBA": (Image.fromarray(np.dstack([picture, alpha])), on_white(picture, alpha), {}),
        "LA": (
            Image.fromarray(np.dstack([grey, alpha]), "LA"),
            on_white(grey3(grey), alpha),
            {},
        ),
        "grey": (Image.fromarray(grey), grey3(grey), {}),
        "grey of 16 bits": (deep, grey3(grey), {}),
        "palette": (few, colors, {}),
        "palette with a clear color": (few, third, {"transparency": 3}),
        "a clear color": (Image.fromarray(picture), keyed, {"transparency": key}),
        "bilevel": (Image.fromarray(grey > 128), grey3((grey > 128) * np.uint8(255)), {}),
    }


PNG_KINDS = list(kinds_of_png(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)))


@pytest.mark.parametrize("kind", PNG_KINDS)
def test_kinds_of_png(tmp_path, picture, alpha, kind):
    image, expected, how = kinds_of_png(picture, alpha)[kind]
    image.save(tmp_path / "s.png", **how)
    assert_same(whole(tmp_path / "s.png"), expected)


@pytest.mark.parametrize("channels", ["RGB", "RGBA", "LA"])
def test_png_of_16_bits_a_channel(tmp_path, picture, alpha, channels):
    imagecodecs = pytest.importorskip("imagecodecs")
    grey = picture[..., 0]
    samples, expected = {
        "RGB": (picture, picture),
        "RGBA": (np.dstack([picture, alpha]), on_white(picture, alpha)),
        "LA": (np.dstack([grey, alpha]), on_white(grey3(grey), alpha)),
    }[channels]
    deep = samples.astype(np.uint16) * 257
    (tmp_path / "s.png").write_bytes(imagecodecs.png_encode(deep))
    assert_same(whole(tmp_path / "s.png"), expected)
    (tmp_path / "s.png").write_bytes(imagecodecs.png_encode(deep >> 4))
    with pytest.raises(InputError, match="small part of their range"):
        whole(tmp_path / "s.png")


@pytest.mark.parametrize(
    ("suffix", "how", "lossy"),
    [("jpg", {}, True), ("bmp", {}, False), ("jp2", {}, False), ("webp", {}, True)],
)
def test_other_plain_formats(tmp_path, picture, suffix, how, lossy):
    Image.fromarray(picture).save(tmp_path / f"s.{suffix}", **how)
    assert_same(whole(tmp_path / f"s.{suffix}"), picture, lossy=lossy)


def refused_tiffs(picture):
    stack = {"metadata": {"axes": "ZYXS"}}
    four = np.stack([picture[..., 0]] * 4)
    black = {"photometric": "minisblack"}
    return {
        r"CMYK \(printing inks\)": (
            np.dstack([picture, picture[..., 0]]),
            {"photometric": "separated"},
        ),
        "float32 samples": (picture.astype(np.float32) / 255, RGB),
        "int16 samples": (picture.astype(np.int16), RGB),
        "more than one plane[\\s\\S]*ZYXS": (np.stack([picture, picture]), RGB | stack),
        "has 4 channels": (four, black | {"metadata": {"axes": "CYX"}}),
        "4 channels[\\s\\S]*unmarked alpha": (
            np.dstack([picture, picture[..., 0]]),
            RGB | {"extrasamples": ["unspecified"]},
        ),
        "16 bits that use a small part": (picture.astype(np.uint16) * 16, RGB | TILES),
    }


@pytest.mark.parametrize("message", list(refused_tiffs(np.zeros((2, 2, 3), np.uint8))))
def test_what_is_no_picture_of_tissue_is_refused_by_name(tmp_path, picture, message):
    samples, how = refused_tiffs(picture)[message]
    tifffile.imwrite(tmp_path / "s.tif", samples, **how)
    with pytest.raises(InputError, match=message):
        open_slide(tmp_path / "s.tif")


@pytest.mark.parametrize("suffix", ["jpg", "tif", "jp2"])
def test_printing_inks_are_refused_by_every_reader(tmp_path, picture, suffix):
    Image.fromarray(picture).convert("CMYK").save(tmp_path / f"s.{suffix}")
    with pytest.raises(InputError, match="CMYK"):
        open_slide(tmp_path / f"s.{suffix}")


def encoded(picture, suffix):
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix))
    return stream.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    suffix=st.sampled_from(["png", "jpg", "tif", "webp", "bmp"]),
    kept=st.floats(0, 1),
    change=st.none() | st.tuples(st.floats(0, 1), st.integers(0, 255)),
)
def test_damage_is_an_error_of_ours_or_none(tmp_path_factory, suffix, kept, change):
    """A file cut short, or with another byte: the pixels, or an InputError."""
    picture = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)[..., None].repeat(3, -1)
    data = bytearray(encoded(picture, suffix))
    path = tmp_path_factory.mktemp("damage") / f"s.{suffix}"
    if change is None:
        path.write_bytes(data[: int(kept * len(data))])
    else:
        data[min(int(change[0] * len(data)), len(data) - 1)] = change[1]
        path.write_bytes(data)
    try:
        found = whole(path)
    except InputError:
        return
    if change is None:  # what reads after a cut is what was there
        assert_same(found, picture, lossy=suffix in ("jpg", "webp"))


def test_the_file_and_not_its_name_decides(tmp_path, picture):
    (tmp_path / "a.jpg").write_bytes(encoded(picture, "png"))
    (tmp_path / "b.png").write_bytes(encoded(picture, "tif"))
    (tmp_path / "c").write_bytes(encoded(picture, "png"))
    for name, reader in (("a.jpg", PillowSlide), ("b.png", TiffSlide), ("c", PillowSlide)):
        assert isinstance(open_slide(tmp_path / name), reader)
        np.testing.assert_array_equal(whole(tmp_path / name), picture)


def pyramid(path, picture, *, description=None):
    """A tiled two-level pyramid of .5 µm per pixel."""
    how = {"photometric": "rgb", "tile": (64, 64), "metadata": None, "description": description}
    how |= {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture, **how)
        writer.write(picture[::2, ::2], subfiletype=1, **how)
    return path


def scanner_file(path, picture):
    """What an Aperio scanner writes, as far as OpenSlide looks at it."""
    words = (
        f"Aperio Image Library v11\n{picture.shape[1]}x{picture.shape[0]} |AppMag = 20|MPP = 0.5"
    )
    return pyramid(path, picture, description=words)


def test_readers_agree_on_regions(tmp_path, picture):
    openslide = pytest.importorskip("openslide")
    Image.fromarray(picture).save(tmp_path / "a.png")
    paths = {
        PillowSlide: tmp_path / "a.png",
        TiffSlide: pyramid(tmp_path / "b.tif", picture),
        OpenSlideSlide: scanner_file(tmp_path / "c.svs", picture),
    }
    assert openslide.OpenSlide.detect_format(paths[OpenSlideSlide]) == "aperio"
    for reader, path in paths.items():
        slide = open_slide(path)
        assert isinstance(slide, reader)
        assert slide.size == (264, 200)
        assert slide.mpp == (None if reader is PillowSlide else 0.5)
        region = slide.read_region(100, 50, 60, 40, (60, 40))
        np.testing.assert_array_equal(region, picture[50:90, 100:160])
        corner = slide.read_region(-10, -10, 20, 20, (20, 20))
        assert (corner[:10] == 255).all()
        np.testing.assert_array_equal(corner[10:, 10:], picture[:10, :10])
        half = slide.read_region(64, 64, 128, 128, (64, 64))
        assert np.abs(half.astype(int) - picture[64:192:2, 64:192:2]).mean() < 3
        slide.close()


def test_hdf5_is_taken_for_patches(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["img"] = np.zeros((1, 4, 4, 3), np.uint8)
        file["img"].attrs["downsample"] = 1.0
        file["coords"] = np.array([[0, 0]])
        file["barcode"] = np.array([[b"a"]])
    assert isinstance(open_slide(tmp_path / "s.h5"), PatchSlide)


@pytest.mark.parametrize("name", ["x.svs", "x.jpg", "x.tif", "x"])
def test_files_that_are_no_image(tmp_path, name):
    (tmp_path / name).write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"(?s)no reader can open.*expected: JPEG"):
        open_slide(tmp_path / name)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        open_slide(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        open_slide(tmp_path / "absent.svs")
    with pytest.raises(InputError, match="is a folder"):
        open_slide(tmp_path)


def test_thumbnail_keeps_proportions(tmp_path):
    Image.fromarray(np.full((100, 300, 3), 120, np.uint8)).save(tmp_path / "s.png")
    picture, scale = thumbnail(open_slide(tmp_path / "s.png"), longest=60)
    assert picture.shape == (20, 60, 3)
    assert scale == 0.2


def test_an_open_slide_stays_open(tmp_path, slides_read):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "s.png")
    with opened(tmp_path / "s.png") as slide, opened(slide) as lent:
        assert lent is slide
    assert slides_read.closed == 1
    with pytest.raises(KeyError), opened(tmp_path / "s.png"):
        raise KeyError
    assert slides_read.closed == 2


def written_as(kind, folder, picture):
    """Return a file of each kind of slide, with this picture."""
    path = folder / {"jpeg": "s.jpg", "png": "s.png", "patches": "s.h5"}.get(kind, "s.tif")
    if kind == "tiles":
        return pyramid(path, picture)
    if kind == "scanner":
        pytest.importorskip("openslide")
        return scanner_file(folder / "s.svs", picture)
    if kind == "strips":
        tifffile.imwrite(path, picture, photometric="rgb", compression="zlib", rowsperstrip=7)
    elif kind == "patches":
        with h5py.File(path, "w") as file:
            file["img"] = np.stack([picture[:64, x : x + 64] for x in range(0, 192, 32)])
            file["img"].attrs["downsample"] = 1.0
            file["coords"] = np.array([[x, 0] for x in range(0, 192, 32)])
            file["barcode"] = np.arange(6).astype("S")
    else:
        path.write_bytes(encoded(picture, path.suffix[1:]))
    return path


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiles", "strips", "scanner", "patches"])
def test_threads_read_what_one_reads(tmp_path, picture, kind):
    """Pixels at two sizes, of regions that leave the picture as well; the file is closed behind."""
    path = written_as(kind, tmp_path, picture)
    corners = [(x, y) for x in range(-20, 250, 30) for y in range(-20, 190, 30)]
    with opened(path) as slide:
        alone = [slide.read_sizes(*at, 48, 48, [(48, 48), (20, 20)]) for at in corners]
    with opened(path) as slide, ThreadPoolExecutor(4) as pool:
        read = partial(slide.read_sizes, width=48, height=48, sizes=[(48, 48), (20, 20)])
        together = list(pool.map(lambda at: read(*at), corners * 3))
    for one, other in zip(alone * 3, together, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
