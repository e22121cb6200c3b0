"""Pictures of every kind that libraries write, and what is no picture."""

import io
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from PIL import Image

_ALIKE = ("PNG", "TIFF", "BMP")  # formats that keep every pixel
_ODD = ("L", "LA", "1", "P", "CMYK", "I", "F", "I;16", "YCbCr")


@dataclass(frozen=True)
class Picture:
    """A picture as a file.

    Parameters
    ----------
    content
        Its bytes.
    suffix
        Of its name.
    same
        Whether it shows the same pixels as the one it was made from.
    done
        In words, for messages.
    """

    content: bytes
    suffix: str
    same: bool
    done: str


def saved(image: Image.Image, form: str) -> bytes:
    """Return a picture in a format of Pillow."""
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@st.composite
def pictures(draw: st.DrawFn, rgb: np.ndarray) -> Picture:
    """Return a file made of pixels (height, width, 3): the same, odd, too small or none."""
    image = Image.fromarray(rgb)
    kind = draw(st.sampled_from(["same", "same", "opaque", "mode", "tiny", "blank"]))
    form = draw(st.sampled_from(_ALIKE))
    suffix = draw(st.sampled_from([f".{form.lower()}", ".jpg", ".tif", "", ".svs"]))
    if kind == "opaque":
        image, form = image.convert("RGBA"), "PNG"
    elif kind == "mode":
        image, form = _in_mode(image, draw(st.sampled_from(_ODD))), "TIFF"
    elif kind == "tiny":
        image = image.resize((draw(st.integers(1, 40)), draw(st.integers(1, 40))))
    elif kind == "blank":
        image = Image.new("RGB", image.size, (draw(st.sampled_from([0, 128, 255])),) * 3)
    same = kind in ("same", "opaque")
    done = f"{kind}, mode {image.mode}, {form} named {suffix!r}"
    return Picture(saved(image, form), suffix, same, done)


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 256)
    return image.convert(mode)
