import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialrag.slides.keypoints import Keypoints, find_keypoints
from spatialrag.slides.likeness import LIKE, likeness

HIGH, LOW = 1.75 * LIKE, 0.6 * LIKE  # margins on both sides of the threshold


def look(image, longest=512):
    scale = min(1, longest / max(image.size))
    size = (round(image.width * scale), round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def saved_again(image, quality=40):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def resized(image, scale):
    return image.resize((round(image.width * scale), round(image.height * scale)))


def cut(image, left, top, right, bottom):
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(map(round, box)))


def stained(image):
    pixels = np.asarray(image, float) / 255
    return Image.fromarray((np.clip(pixels**1.15 * (1, 0.93, 1.04), 0, 1) * 255).astype(np.uint8))


COPIES = {
    "saved again": saved_again,
    "half": lambda image: resized(image, 0.5),
    "1.37 times": lambda image: resized(image, 1.37),
    "cut": lambda image: cut(image, 0.15, 0.15, 0.15, 0.15),
    "cut unevenly": lambda image: cut(image, 0.15, 0.02, 0.08, 0.13),
    "stained": stained,
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "all of it": lambda image: saved_again(
        resized(cut(stained(image), 0.15, 0.03, 0.1, 0.12), 0.61)
    ).transpose(Image.Transpose.TRANSPOSE),
}


@pytest.fixture(scope="module")
def toy_pictures(toy_sections):
    return {section.slide: Image.open(section.image).convert("RGB") for section in toy_sections}


@pytest.fixture(scope="module")
def toy_keypoints(toy_pictures):
    return {slide: find_keypoints(look(image)) for slide, image in toy_pictures.items()}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_the_toy(kind, toy_pictures, toy_keypoints):
    copy = find_keypoints(look(COPIES[kind](toy_pictures["toy1"])))
    assert likeness(toy_keypoints["toy1"], copy) > HIGH
    assert likeness(copy, toy_keypoints["toy1"]) > HIGH
    assert likeness(toy_keypoints["toy2"], copy) < LOW


def test_toy_slides_share_textures_and_are_no_copies(toy_keypoints):
    for one, other in itertools.combinations(toy_keypoints.values(), 2):
        assert likeness(one, other) < LOW


def test_a_printed_frame_is_no_likeness(toy_pictures):
    """Two slides with the dots of a capture area's frame, at the same places."""
    framed = []
    for name in ("toy1", "toy2"):
        pixels = np.full((560, 560, 3), 245, np.uint8)
        pixels[80:480, 80:480] = np.asarray(toy_pictures[name].resize((400, 400)))
        for at in range(12, 548, 12):
            for line in (20, 36, 520, 536):
                for row, column in ((at, line), (line, at)):
                    if at % 36 != line % 36:
                        pixels[row - 3 : row + 3, column - 3 : column + 3] = 70
        framed.append(find_keypoints(look(Image.fromarray(pixels))))
    assert likeness(*framed) < LOW
    assert likeness(framed[0], framed[0]) > 0.95


def points(xy, seed=0, size=(512, 512)):
    descriptors = np.random.default_rng(seed).integers(0, 16, (len(xy), 128)).astype(np.float32)
    return Keypoints(size, np.asarray(xy, float), descriptors)


def test_the_score_is_the_share_that_falls_together():
    """By hand: of 100 keypoints 60 move together (turned, scaled, shifted), 40 anywhere."""
    rng = np.random.default_rng(1)
    xy = rng.uniform(100, 400, (100, 2))
    turn = 0.8 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    moved = (xy - 250) @ turn.T + 240
    moved[60:] = rng.uniform(100, 400, (40, 2))
    assert likeness(points(xy), points(moved)) == pytest.approx(0.6, abs=0.03)


def test_keypoints_outside_the_common_area_do_not_count():
    xy = np.random.default_rng(2).uniform(0, 500, (200, 2))
    within = xy[:, 0] < 250
    part = Keypoints((250, 512), xy[within], points(xy).descriptors[within])
    assert likeness(points(xy), part) == pytest.approx(1)


def test_places_alone_are_no_likeness():
    xy = np.random.default_rng(2).uniform(0, 500, (200, 2))
    assert likeness(points(xy, seed=1), points(xy, seed=2)) < LOW


def test_a_few_keypoints_are_no_evidence():
    xy = np.random.default_rng(3).uniform(0, 500, (7, 2))
    assert likeness(points(xy), points(xy)) < LIKE
    for n in (0, 1, 2):
        assert likeness(points(xy[:n]), points(xy)) < LIKE


REAL = {
    **{f"MOB{i}": f"mob/MOB{i}.jpg" for i in (1, 2, 3)},
    **{f"Rep{i}": f"mob_mice/Rep{i}_HE.jpg" for i in (1, 2, 4, 11, 12)},
}
DONOR_C = ("C2/5714_HE_BT_C2.jpg", "C3/5714_HE_BT_D1.jpg", "C4/5714_HE_BT_D2.jpg")


def open_real(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    image = Image.open(path)
    image.draft("RGB", (1200, 1200))
    return image.convert("RGB")


@pytest.mark.realdata
def test_serial_sections_are_no_copies(data, monkeypatch):
    paths = [data / name for name in REAL.values()]
    paths += [data / "her2st" / "data" / "ST-imgs" / "C" / name for name in DONOR_C]
    found = {Path(p).stem: find_keypoints(look(open_real(p, monkeypatch))) for p in paths}
    scores = {
        pair: likeness(found[pair[0]], found[pair[1]]) for pair in itertools.combinations(found, 2)
    }
    assert max(scores.values()) < LOW, max(scores, key=scores.get)


@pytest.mark.realdata
@pytest.mark.parametrize("kind", ["saved again", "half", "cut", "all of it"])
def test_copies_of_a_real_slide(kind, data, monkeypatch):
    image = open_real(data / REAL["MOB2"], monkeypatch)
    copy = find_keypoints(look(COPIES[kind](image)))
    assert likeness(find_keypoints(look(image)), copy) > HIGH
