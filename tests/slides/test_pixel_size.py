import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.pixel_size import PixelSize, parse_mpp, plausible, reconcile


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, 350])
def test_implausible_pixel_size(value):
    with pytest.raises(InputError, match="not plausible"):
        PixelSize(value, "given")


def test_print_defaults_are_no_pixel_size():
    assert plausible(25_400 / 72) is None
    assert plausible(0.5) == 0.5


@pytest.mark.parametrize(
    ("text", "fix"),
    [("0,5", "write 0.5"), ("0.5 µm", "without its unit"), ("", "alone"), (None, "alone")],
)
def test_text_that_is_no_number(text, fix):
    with pytest.raises(InputError, match=rf"(?s)not a number.*slides\.csv.*{fix}"):
        parse_mpp(text, source="slides.csv")


def test_numbers_as_text():
    assert parse_mpp(" 0.5 ") == PixelSize(0.5, "given")
    assert parse_mpp(np.float32(2), source="file").mpp == 2
    with pytest.raises(InputError, match="not plausible"):
        parse_mpp("nan")


def test_sources_that_agree_and_sources_that_do_not():
    given, file = PixelSize(0.5, "given"), PixelSize(0.59, "file a.tif")
    assert reconcile([given, file], slide="s") is given
    assert reconcile([], slide="s") is None
    wrong = PixelSize(0.735, "derived: 200 µm pitch / 272.00 px")
    # .735 is 22 % more than .6: the picture of another section, given a wrong number.
    with pytest.raises(InputError, match=r"(?s)slide 'C2'.*0\.6 \(given\); 0\.735 \(derived"):
        reconcile([PixelSize(0.6, "given"), wrong], slide="C2")
    with pytest.raises(InputError, match="differently"):
        reconcile([given, file, PixelSize(0.45, "x")], slide="s")
