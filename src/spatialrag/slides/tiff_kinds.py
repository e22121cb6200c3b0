"""What a TIFF holds: which of its pictures is the slide, and how its samples make colors."""

import re
from dataclasses import dataclass

import numpy as np
import tifffile

from spatialrag.errors import InputError, listing
from spatialrag.slides.pixels import Samples

_EXPORT = "export it as RGB with 8 bits per channel"
_REFUSED = {
    "SEPARATED": "CMYK (printing inks)",
    "CIELAB": "CIELAB colors",
    "ICCLAB": "CIELAB colors",
    "ITULAB": "CIELAB colors",
    "MASK": "a mask",
    "CFA": "raw sensor values",
    "LINEAR_RAW": "raw sensor values",
    "LOGL": "floating-point light",
    "LOGLUV": "floating-point light",
}
_ALPHA = {1: "premultiplied", 2: "straight"}  # ExtraSamples; 0 says nothing
_JPEG = {6, 7, 33007}  # compressions whose YCbCr the decoder turns into RGB
_ALIKE = 0.9  # pictures within this share of the largest's pixels compete with it


@dataclass(frozen=True)
class Layout:
    """Where rows, columns and channels lie among the axes of a picture.

    Parameters
    ----------
    axes
        tifffile's letters, such as ``YXS``, ``CYX``, ``TCZYX``.
    channel
        The letter of the axis of channels, or ``""``.
    channels
        How many there are.
    """

    axes: str
    channel: str
    channels: int

    def shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return height and width of an array of these axes."""
        return shape[self.axes.index("Y")], shape[self.axes.index("X")]

    def index(self, rows: slice, columns: slice) -> tuple[slice | int, ...]:
        """Return the index of a rectangle in an array of these axes."""
        chosen = {"Y": rows, "X": columns, self.channel: slice(None)}
        return tuple(chosen.get(axis, 0) for axis in self.axes)

    def channels_last(self, block: np.ndarray) -> np.ndarray:
        """Return what `index` picked as (height, width, channels)."""
        left = [axis for axis in self.axes if axis in ("Y", "X", self.channel)]
        if not self.channel:
            block, left = block[..., None], [*left, ""]
        return np.transpose(block, [left.index(axis) for axis in ("Y", "X", self.channel)])


def largest_series(file: tifffile.TiffFile, name: str) -> tifffile.TiffPageSeries:
    """Return the picture with the most pixels: a file may begin with an overview or a label.

    Raises
    ------
    InputError
        No picture, or several of like size.
    """
    pictures = [series for series in file.series if {"Y", "X"} <= set(series.axes)]
    if not pictures:
        raise InputError(f"{name} holds no picture", got=f"axes {_axes(file.series)}")
    pixels = [int(np.prod(Layout(s.axes, "", 1).shape(s.shape))) for s in pictures]
    rivals = [s for s, n in zip(pictures, pixels, strict=True) if n >= _ALIKE * max(pixels)]
    if len(rivals) > 1:
        raise InputError(
            f"{name} holds {len(rivals)} pictures of like size",
            expected="one slide in one file, beside smaller overviews",
            got=listing(f"{s.name or 'picture'} {s.shape}" for s in rivals),
            fix="save the one that the spots lie on in a file of its own",
        )
    return rivals[0]


def layout_of(series: tifffile.TiffPageSeries, name: str) -> Layout:
    """Return where rows, columns and channels of a picture lie.

    Raises
    ------
    InputError
        Several planes (a stack of focus, time or scenes), or two axes of channels.
    """
    lengths = dict(zip(series.axes, series.shape, strict=True))
    many = {axis: n for axis, n in lengths.items() if axis not in "YX" and n > 1}
    channel = next((axis for axis in "SC" if axis in many), "")
    if len(many) > bool(channel) or len(lengths) < len(series.axes):
        raise InputError(
            f"{name} holds more than one plane",
            expected="one grey or RGB plane, channels first or last (axes YX, YXS, SYX, CYX)",
            got=f"axes {series.axes}, {series.shape}",
            fix="save one plane; name the axis of channels S or C",
        )
    return Layout(series.axes, channel, many.get(channel, 1))


def samples_of(
    series: tifffile.TiffPageSeries, layout: Layout, file: tifffile.TiffFile, name: str
) -> Samples:
    """Return how the samples of a picture make colors.

    Raises
    ------
    InputError
        Printing inks, floating-point numbers, channels without a meaning and the like.
    """
    page = series.keyframe
    bits = _bits(series, file, name)
    model = getattr(page.photometric, "name", str(page.photometric))
    if model in _REFUSED:
        raise InputError(f"{name} holds {_REFUSED[model]}", expected="RGB or grey", fix=_EXPORT)
    grey = model in ("MINISBLACK", "MINISWHITE")
    colors = 3 if model in ("RGB", "YCBCR") or (grey and layout.channels == 3) else 1
    return Samples(
        colors,
        bits=bits,
        alpha=_alpha(page, layout.channels, colors, name),
        inverted=model == "MINISWHITE",
        palette=_palette(page, name) if model == "PALETTE" else None,
    )


def decoded_to_rgb(page: tifffile.TiffPage) -> bool:
    """Return whether tifffile's decoders leave no YCbCr behind."""
    return page.photometric != tifffile.PHOTOMETRIC.YCBCR or page.compression in _JPEG


def check_complete(file: tifffile.TiffFile, series: tifffile.TiffPageSeries, name: str) -> None:
    """Raise `InputError` when a page, tile or strip is missing or ends behind the file."""
    if _has_more_pages(file):
        raise _cut_short(name, "pages behind the end of the file")
    for page in (page for level in series.levels for page in level.pages):
        if page is None:
            raise _cut_short(name, "planes that its metadata name are missing")
        places = zip(page.dataoffsets, page.databytecounts, strict=False)
        end = max((start + length for start, length in places), default=0)
        size, expected = page.parent.filehandle.size, int(np.prod(page.chunked))
        if len(page.dataoffsets) < expected or end > size:
            many = f"{len(page.dataoffsets)} of {expected} tiles or strips"
            raise _cut_short(name, f"{many}, the last ends at byte {end} of {size}")


def _has_more_pages(file: tifffile.TiffFile) -> bool:
    """Return whether the last page that could be read points to a further one."""
    len(file.pages)  # follows the chain to its end
    if not file.pages.next_page_offset:
        return False
    file.filehandle.seek(file.pages.next_page_offset)
    stated = file.filehandle.read(file.tiff.offsetsize)
    return len(stated) < file.tiff.offsetsize or any(stated)


def _cut_short(name: str, got: str) -> InputError:
    return InputError(f"{name} is cut short", got=got, fix="copy or download it again")


def _axes(many: list[tifffile.TiffPageSeries]) -> str:
    return listing(series.axes for series in many) or "none"


def _bits(series: tifffile.TiffPageSeries, file: tifffile.TiffFile, name: str) -> int:
    dtype, bits = np.dtype(series.dtype), series.keyframe.bitspersample
    if dtype.kind not in "ub" or dtype.itemsize > 2 or not isinstance(bits, int):
        raise InputError(
            f"{name} has {dtype} samples of {bits} bits",
            expected="whole numbers of 1 to 16 bits",
            fix=_EXPORT,
        )
    stated = re.search(r'SignificantBits="(\d+)"', (file.ome_metadata or "") if file.is_ome else "")
    significant = int(stated.group(1)) if stated else bits
    return significant if bits == 16 and 8 < significant < 16 else bits


def _alpha(page: tifffile.TiffPage, channels: int, colors: int, name: str) -> str:
    extra = channels - colors
    if extra == 0:
        return ""
    meaning = _ALPHA.get(int(page.extrasamples[0])) if page.extrasamples else None
    if extra > 1 or meaning is None:
        raise InputError(
            f"{name} has {channels} channels",
            expected="grey or RGB, and alpha if the file says that it is",
            got="channels that the file does not explain (fluorescence? an unmarked alpha?)",
            fix=_EXPORT,
        )
    return meaning


def _palette(page: tifffile.TiffPage, name: str) -> np.ndarray:
    if page.colormap is None:
        raise InputError(f"{name} has indices into a palette and no palette", fix=_EXPORT)
    colors = np.asarray(page.colormap).T
    # Of 16 bits by the standard; old programs write 8.
    return (colors >> 8 if colors.max() > 255 else colors).astype(np.uint8)
