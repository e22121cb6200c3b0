"""TIFF and OME-TIFF through tifffile: only the tiles that a region touches are decoded."""

from collections.abc import Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
import tifffile
from PIL import TiffImagePlugin

from spatialrag.errors import InputError
from spatialrag.slides.decoding import check_decodable, decoding, pyramid_advice
from spatialrag.slides.mpp import mpp_of_tiff
from spatialrag.slides.orientation import TAG, Orientation
from spatialrag.slides.pillow_slide import to_rgb
from spatialrag.slides.pixels import Samples, check_brightness, padded, shrink
from spatialrag.slides.slide import MultiSizeSlide
from spatialrag.slides.tiff_kinds import (
    Layout,
    check_complete,
    decoded_to_rgb,
    largest_series,
    layout_of,
    samples_of,
)
from spatialrag.slides.tile_cache import TileCache

_WHOLE = 1 << 24  # bytes: a plane of larger tiles or strips is decoded once, as a whole
_PROBE = 256  # pixels
_KEPT = 1 << 28  # bytes of decoded tiles of a slide
_MOST_TILES = 64  # of a region: of larger ones, such as overviews, no tile is kept


class TiffSlide(MultiSizeSlide):
    """The largest picture of a TIFF."""

    _levels: "Sequence[_Level | _Plane]"

    def __init__(self, path: Path) -> None:
        self.path = path
        with decoding(path):
            self._file = tifffile.TiffFile(path)
        try:
            self._open(path)
        except BaseException:
            self._file.close()
            raise

    def _open(self, path: Path) -> None:
        with decoding(path):
            series = largest_series(self._file, path.name)
            layout = layout_of(series, path.name)
            samples = samples_of(series, layout, self._file, path.name)
            orientation = int(series.keyframe.tags.valueof(TAG, default=1))
            self.mpp = mpp_of_tiff(self._file, series)
            check_complete(self._file, series, path.name)
        self._orientation = Orientation(orientation)
        try:
            with decoding(path):
                if not decoded_to_rgb(series.keyframe):
                    raise ValueError("YCbCr that is not compressed as JPEG")
                tiles = TileCache(_KEPT)
                levels = [_Level(path, level, layout, samples, tiles) for level in series.levels]
                brightest = levels[-1].brightest()
        except InputError as refused:
            # Pillow's own libtiff knows compressions that tifffile lacks without imagecodecs.
            if not _known_to_pillow(series, samples):
                raise _undecodable(path, series, refused) from refused
            self._levels = [_Plane(_decode_by_pillow(path, series, refused))]
            self._orientation = Orientation(1)  # already applied
        else:
            self._levels = levels
            check_brightness(brightest, bits=samples.bits, name=path.name)
        height, width = self._levels[0].shape
        self.size = self._orientation.shown_size((width, height))

    def read_sizes(
        self, x: int, y: int, width: int, height: int, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return a rectangle as uint8 RGB of these sizes from the level that fits the first."""
        wanted = max(1.0, width / sizes[0][0]) * 1.01
        full = self._levels[0].shape[1]
        steps = [(full / level.shape[1], number) for number, level in enumerate(self._levels)]
        step, number = max(pair for pair in steps if pair[0] <= wanted)
        level = self._levels[number]
        shown = self._orientation.shown_size(level.shape[::-1])

        def read(x: int, y: int, width: int, height: int) -> np.ndarray:
            stored = self._orientation.stored_rectangle((x, y, width, height), shown)
            return self._orientation.show(padded(level.rgb, level.shape, stored))

        size = (max(1, round(width / step)), max(1, round(height / step)))
        with decoding(self.path):
            return shrink(read, (round(x / step), round(y / step), *size), sizes)

    def close(self) -> None:
        """Release the file, and decoded pixels."""
        self._levels = []
        self._file.close()


class _Level:
    """One resolution of the picture, decoded by region."""

    def __init__(
        self,
        path: Path,
        level: tifffile.TiffPageSeries,
        layout: Layout,
        samples: Samples,
        tiles: TileCache,
    ) -> None:
        import zarr

        store = level.aszarr(level=0, fillvalue=samples.white)
        self._path, self._layout, self._samples = path, layout, samples
        self._array = zarr.open_array(store, mode="r")
        self.shape = layout.shape(self._array.shape)
        self._tile, self._tiles = layout.shape(self._array.chunks), tiles
        self._decoding = Lock()  # threads that want the whole wait for the first one to decode

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """Return a rectangle within the plane as uint8 RGB."""
        if self._large_tiles or self._n_tiles(rows, columns) > _MOST_TILES:
            return self._samples.to_rgb(self._read(rows, columns))
        pixels = np.empty((rows.stop - rows.start, columns.stop - columns.start, 3), np.uint8)
        for top in self._tile_edges(rows, 0):
            for left in self._tile_edges(columns, 1):
                place = (self.shape, top, left)
                tile = self._tiles.get(place, partial(self._decode_tile, top, left))
                within, taken = zip(
                    _overlap(rows, top, tile.shape[0]),
                    _overlap(columns, left, tile.shape[1]),
                    strict=True,
                )
                pixels[within] = tile[taken]
        return pixels

    @property
    def _large_tiles(self) -> bool:
        return int(np.prod(self._array.chunks)) * self._array.dtype.itemsize > _WHOLE

    def _n_tiles(self, rows: slice, columns: slice) -> int:
        return len(self._tile_edges(rows, 0)) * len(self._tile_edges(columns, 1))

    def _tile_edges(self, part: slice, axis: int) -> range:
        """Return where the tiles begin that a part of an axis touches."""
        side = self._tile[axis]
        return range(part.start // side * side, part.stop, side)

    def _decode_tile(self, top: int, left: int) -> np.ndarray:
        rows, columns = (
            slice(edge, min(edge + side, length))
            for edge, side, length in zip((top, left), self._tile, self.shape, strict=True)
        )
        return self._samples.to_rgb(self._decode(rows, columns))

    def brightest(self) -> int:
        """Return the highest color sample of a few places; decodes them, and so shows it can."""
        height, width = self.shape
        corners = [(int(part * height), int(part * width)) for part in (0.0, 0.25, 0.5, 0.75)]
        blocks = [
            self._read(slice(top, top + _PROBE), slice(left, left + _PROBE))
            for top, left in corners
        ]
        if self._samples.inverted:
            return 2**self._samples.bits - 1 - min(int(block.min()) for block in blocks)
        return max(int(block[..., : self._samples.colors].max()) for block in blocks)

    def _read(self, rows: slice, columns: slice) -> np.ndarray:
        if self._large_tiles:
            with self._decoding:
                whole = self._whole
            return whole[rows, columns]
        return self._decode(rows, columns)

    @cached_property
    def _whole(self) -> np.ndarray:
        check_decodable(self._path, self.shape[::-1])
        return self._decode(slice(None), slice(None))

    def _decode(self, rows: slice, columns: slice) -> np.ndarray:
        block = np.asarray(self._array[self._layout.index(rows, columns)])
        return self._layout.channels_last(block)


def _overlap(wanted: slice, start: int, length: int) -> tuple[slice, slice]:
    """Return where a tile that starts there lies in what is wanted, and which part of it."""
    low, high = max(wanted.start, start), min(wanted.stop, start + length)
    return slice(low - wanted.start, high - wanted.start), slice(low - start, high - start)


class _Plane:
    """A picture that another reader decoded as a whole."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels
        self.shape = pixels.shape[:2]

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        return self._pixels[rows, columns]


def _known_to_pillow(series: tifffile.TiffPageSeries, samples: Samples) -> bool:
    """Return whether Pillow reads the same: one page, no inverted 16 bits or palettes of 8."""
    page = series.keyframe
    one_page = len(series.pages) == 1 and isinstance(page.index, int)
    colormap = page.colormap
    dim = samples.palette is not None and colormap is not None and np.max(colormap) < 256
    return one_page and not dim and not (samples.inverted and samples.bits > 8)


def _decode_by_pillow(
    path: Path, series: tifffile.TiffPageSeries, refused: InputError
) -> np.ndarray:
    """Return the pixels of a picture that tifffile cannot decode, as shown."""
    page = series.keyframe
    check_decodable(path, (page.imagewidth, page.imagelength))
    try:
        with decoding(path), TiffImagePlugin.TiffImageFile(path) as image:
            image.seek(page.index)
            return to_rgb(image, path.name)
    except InputError as error:
        raise _undecodable(path, series, refused) from error


def _undecodable(path: Path, series: tifffile.TiffPageSeries, refused: InputError) -> InputError:
    page = series.keyframe
    packed = getattr(page.compression, "name", page.compression)
    colors = getattr(page.photometric, "name", page.photometric)
    codecs = "" if find_spec("imagecodecs") else "pip install 'spatialrag[wsi]', or "
    return InputError(
        f"{path.name} cannot be decoded: compression {packed}, colors {colors}",
        expected="an undamaged TIFF of a compression that imagecodecs or libtiff knows",
        got=str(refused.__cause__ or refused).partition("\n")[0][:200],
        fix=codecs + pyramid_advice(path),
    )
