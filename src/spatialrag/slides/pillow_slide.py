"""JPEG, PNG, WebP, JPEG 2000 and BMP through Pillow: decoded once, as a whole."""

import os
import struct
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import (
    BmpImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from spatialrag.errors import InputError
from spatialrag.slides.decoding import READABLE, check_decodable, decoding
from spatialrag.slides.kinds import image_kind
from spatialrag.slides.orientation import TAG, Orientation
from spatialrag.slides.pixels import Samples, check_brightness, crop_padded, shrink
from spatialrag.slides.slide import MultiSizeSlide

# Made directly and not by Image.open, whose limit on pixels is global and below a slide's size.
_PLUGINS: dict[str, Callable[[Path], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
_SAMPLES = {
    "L": Samples(1),
    "LA": Samples(1, alpha="straight"),
    "La": Samples(1, alpha="premultiplied"),
    "RGB": Samples(3),
    "RGBA": Samples(3, alpha="straight"),
    "RGBa": Samples(3, alpha="premultiplied"),
    **dict.fromkeys(("I", "I;16", "I;16L", "I;16B", "I;16N"), Samples(1, bits=16)),
}
_NAMES = {"CMYK": "CMYK (printing inks)", "F": "floating-point numbers", "LAB": "CIELAB colors"}
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_TAIL = 1 << 16


class PillowSlide(MultiSizeSlide):
    """A picture that has no regions; a JPEG's dpi tag is never µm per pixel."""

    mpp = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._decoding = Lock()  # threads that want the pixels wait for the first one to decode
        self._kind = image_kind(path)
        if self._kind not in _PLUGINS:
            raise InputError(f"{path.name} is not an image that can be read", expected=READABLE)
        with decoding(path), self._open() as image:
            check_decodable(path, image.size)
            _check_mode(image, path.name)
            self._orientation = Orientation(_orientation_of(image, path))
            self.size = self._orientation.shown_size(image.size)
        if not _is_whole(path, self._kind):
            _ = self._pixels  # decoded now, so that what is missing is an error before any work

    def _open(self) -> Image.Image:
        return _PLUGINS[self._kind](self.path)

    @cached_property
    def _pixels(self) -> np.ndarray:
        with decoding(self.path), self._open() as image:
            return self._orientation.show(to_rgb(image, self.path.name))

    def read_sizes(
        self, x: int, y: int, width: int, height: int, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return a rectangle as uint8 RGB of each of these sizes."""
        with self._decoding:
            pixels = self._pixels
        return shrink(lambda *part: crop_padded(pixels, *part), (x, y, width, height), sizes)

    def close(self) -> None:
        """Forget the decoded pixels."""
        self.__dict__.pop("_pixels", None)


def to_rgb(image: Image.Image, name: str) -> np.ndarray:
    """Return the pixels of a Pillow image, as stored, as (height, width, 3) uint8.

    Parameters
    ----------
    image
        Any mode; decoded here.
    name
        Name of the file, for messages.

    Raises
    ------
    InputError
        CMYK, floating-point numbers and other modes that have no RGB of their own.
    """
    _check_mode(image, name)
    deep = ";16" in _raw_mode(image)  # Pillow keeps the upper 8 of 16 bits of RGB
    image.load()
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in _SAMPLES:
        image = image.convert("RGB")
    samples, how = np.asarray(image), _SAMPLES[image.mode]
    samples = samples[..., None] if samples.ndim == 2 else samples
    if how.bits == 16:
        check_brightness(int(samples.max()), bits=16, name=name)
    elif deep:
        check_brightness(int(samples[..., : how.colors].max()) * 257, bits=16, name=name)
    return how.to_rgb(samples)


def _raw_mode(image: Image.Image) -> str:
    """Return how samples lie in the file, in Pillow's words, such as ``RGB;16B``."""
    tiles = getattr(image, "tile", None)  # of images read from files alone
    arguments = tiles[0].args if tiles else ""
    return arguments if isinstance(arguments, str) else str(next(iter(arguments or ("",))))


def _check_mode(image: Image.Image, name: str) -> None:
    keyed = image.mode.startswith("I") and "transparency" in image.info
    if keyed or image.mode not in {*_SAMPLES, "1", "P", "PA", "YCbCr"}:
        kind = "16-bit grey with a transparent value" if keyed else image.mode
        raise InputError(
            f"{name} holds {_NAMES.get(kind, kind)}",
            expected="RGB or grey, with or without transparency, palette or 16 bits",
            fix="export it as RGB with 8 bits per channel",
        )


def _is_whole(path: Path, kind: str) -> bool:
    """Return whether the file ends as its kind does; a quick look, not a proof."""
    if kind not in _ENDS:
        return True
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL))
        return _ENDS[kind] in stream.read()


def _orientation_of(image: Image.Image, path: Path) -> int:
    if isinstance(image, PngImagePlugin.PngImageFile) and not _png_has_exif(path):
        return 1  # asked for it, Pillow would decode the whole picture
    return int(image.getexif().get(TAG, 1))


def _png_has_exif(path: Path) -> bool:
    """Return whether a PNG holds an eXIf chunk, or text that may say the same."""
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name == b"eXIf":
                return True
            if name in (b"tEXt", b"zTXt", b"iTXt"):
                start = stream.read(min(length, 32))
                if start.startswith((b"Raw profile type exif", b"XML:com.adobe.xmp")):
                    return True
                stream.seek(-len(start), os.SEEK_CUR)
            stream.seek(length + 4, os.SEEK_CUR)
    return False
