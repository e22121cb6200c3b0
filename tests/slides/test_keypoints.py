import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.keypoints import Keypoints, find_keypoints


def tissue(seed=0, side=300):
    """Dark violet cells on pink, and glass on the left third."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side, 3), (244, 243, 245), np.uint8)
    picture[:, side // 3 :] = (225, 170, 200)
    row, column = np.mgrid[:side, :side]
    for x, y, radius in zip(
        rng.uniform(side / 3 + 12, side - 8, 120),
        rng.uniform(8, side - 8, 120),
        rng.uniform(2, 7, 120),
        strict=True,
    ):
        picture[(column - x) ** 2 + (row - y) ** 2 < radius**2] = (90, 60, 130)
    return picture


@pytest.fixture(scope="module")
def keypoints():
    return find_keypoints(tissue())


def test_text_gives_them_back(keypoints):
    assert 50 < len(keypoints.xy) <= 200
    again = Keypoints.of_text(keypoints.text)
    assert again.size == keypoints.size
    np.testing.assert_array_equal(again.xy, keypoints.xy)
    np.testing.assert_array_equal(again.descriptors, keypoints.descriptors)
    assert len(keypoints.text) < 20_000


def test_the_same_picture_has_the_same_keypoints(keypoints):
    assert find_keypoints(tissue()).text == keypoints.text


def test_glass_and_a_printed_frame_have_none(keypoints):
    assert keypoints.xy[:, 0].min() > 90
    framed = tissue()
    framed[10:290:10, 5:90:10] = framed[11:290:10, 5:90:10] = (60, 60, 60)
    found = find_keypoints(framed)
    assert found.xy[:, 0].min() > 85
    assert len(found.xy) > 50


def test_grey_pictures_have_keypoints():
    grey = np.repeat(tissue().mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    assert len(find_keypoints(grey).xy) > 50


def test_a_plain_picture_has_none():
    plain = find_keypoints(np.full((200, 200, 3), 240, np.uint8))
    assert plain.xy.shape == (0, 2)
    assert Keypoints.of_text(plain.text).descriptors.shape == (0, 128)


def median_cosine(descriptors, others, near):
    """Return the median over descriptors of the cosine with the most similar one nearby."""
    one, other = (
        part / np.linalg.norm(part, axis=1, keepdims=True)
        for part in (descriptors, others.descriptors)
    )
    return np.median(np.where(near, one @ other.T, -1).max(axis=1))


def test_mirrored_keypoints_are_those_of_the_mirrored_picture(keypoints):
    """Against keypoints that are found on the mirrored picture."""
    found, expected = keypoints.mirrored(), find_keypoints(tissue()[:, ::-1])
    distance = np.abs(found.xy[:, None] - expected.xy[None]).max(axis=-1)
    near = distance.min(axis=1) < 1
    assert near.mean() > 0.9
    assert median_cosine(found.descriptors[near], expected, distance[near] < 1) > 0.9
    assert median_cosine(keypoints.descriptors[near], expected, distance[near] < 1) < 0.8
    twice = found.mirrored()
    np.testing.assert_array_equal(twice.descriptors, keypoints.descriptors)
    np.testing.assert_allclose(twice.xy, keypoints.xy)


def test_text_that_says_nothing_or_is_damaged(keypoints):
    assert Keypoints.of_text("") is None
    assert Keypoints.of_text("another rule:abc") is None
    text = keypoints.text
    for damaged in (text[:200], text[:-8], text[:50] + "AAAA" + text[54:], "sift1:"):
        with pytest.raises(InputError, match="marks of a picture are damaged"):
            Keypoints.of_text(damaged)
