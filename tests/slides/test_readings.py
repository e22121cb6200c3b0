import numpy as np
import pytest

from spatialrag.slides.readings import other_readings

SIZE = (7, 5)
PLACES = np.array([[0.5, 0.5], [5.5, 1.5], [6.5, 4.5]])


def stored(code):
    """Places of three marks in a picture as stored, from an array turned by NumPy alone."""
    marks = np.zeros((SIZE[1], SIZE[0]), int)
    for number, (x, y) in enumerate(PLACES, start=1):
        marks[int(y), int(x)] = number
    turn = {
        "mirrored left to right": lambda m: m[:, ::-1],
        "mirrored top to bottom": lambda m: m[::-1],
        "turned by 180 degrees": lambda m: np.rot90(m, 2),
        "turned by 90 degrees clockwise": np.rot90,  # stored counterclockwise, shown clockwise
        "turned by 90 degrees counterclockwise": lambda m: np.rot90(m, -1),
        "x and y swapped and": lambda m: np.rot90(m, 2).T,
        "x and y swapped": lambda m: m.T,
    }[code](marks)
    return np.array([np.argwhere(turn == n)[0][::-1] + 0.5 for n in (1, 2, 3)])


@pytest.mark.parametrize(
    "code",
    ["mirrored left to right", "mirrored top to bottom", "turned by 180 degrees",
     "turned by 90 degrees clockwise", "turned by 90 degrees counterclockwise",
     "x and y swapped and"],
)  # fmt: skip
def test_places_of_a_turned_picture_are_found_again(code):
    readings = {reading.words: reading.xy for reading in other_readings(stored(code), size=SIZE)}
    (words,) = [words for words in readings if words.removeprefix("the picture ").startswith(code)]
    np.testing.assert_allclose(readings[words], PLACES)


def test_swapped_axes_and_units():
    readings = {r.words: r.xy for r in other_readings(PLACES[:, ::-1], size=SIZE, mpp=0.5)}
    np.testing.assert_array_equal(readings["x and y swapped"], PLACES)
    micro = other_readings(PLACES * 0.5, size=SIZE, mpp=0.5)
    np.testing.assert_allclose({r.words: r.xy for r in micro}["µm taken for pixels"], PLACES)
    assert len(other_readings(PLACES, size=SIZE, mpp=1.0)) == 7
