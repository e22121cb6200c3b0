import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from spatialrag.slides.glass import find_tissue

HEIGHT, WIDTH = 300, 400
ROW, COLUMN = np.mgrid[:HEIGHT, :WIDTH]
DISC = (ROW - 150) ** 2 + (COLUMN - 180) ** 2 < 90**2


def section(glass=(243, 242, 240), tissue=(205, 140, 190), *, noise=2.0, seed=0):
    """A round section with nuclei on glass."""
    rng = np.random.default_rng(seed)
    picture = np.where(DISC[..., None], tissue, glass).astype(float)
    nuclei = ndimage.binary_dilation(rng.random(DISC.shape) < 0.02, iterations=1)
    picture[DISC & nuclei] = (100, 70, 140)
    return np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def agreement(mask, truth=DISC):
    return (mask & truth).sum() / (mask | truth).sum()


@pytest.mark.parametrize(
    ("glass", "tissue"),
    [
        ((243, 242, 240), (205, 140, 190)),
        ((215, 205, 222), (180, 120, 180)),  # a lilac lamp
        ((255, 255, 255), (235, 205, 225)),  # pale tissue
        ((190, 188, 180), (150, 90, 140)),  # a dim lamp
    ],
)
def test_tissue_on_glass(glass, tissue):
    assert agreement(find_tissue(section(glass, tissue))) > 0.97


def test_glare_is_no_tissue():
    """Light that grows pink towards a side, as on published ST scans."""
    picture = section().astype(float)
    picture[..., 1] -= 25 * np.exp(-((COLUMN - 380) ** 2 + (ROW - 60) ** 2) / 60**2)
    assert agreement(find_tissue(np.clip(picture, 0, 255).astype(np.uint8))) > 0.95


def test_background_painted_black_or_cut_out():
    for paint in (0, 255):
        painted = np.where(DISC[..., None], section(), paint).astype(np.uint8)
        assert agreement(find_tissue(painted)) > 0.97
    half = section()
    half[:, :40] = 0
    assert agreement(find_tissue(half)) > 0.97


def test_shadows_specks_and_small_holes():
    picture = section()
    picture[20:60, 300:390] = 150  # a frame's shadow
    picture[250:252, 20:24] = (120, 60, 140)  # a speck
    picture[150:155, 180:185] = 243  # a lumen
    mask = find_tissue(picture)
    assert not mask[20:60, 300:390].any()
    assert not mask[245:257, 15:30].any()
    assert mask[150:155, 180:185].all()
    assert agreement(mask) > 0.97


def test_no_glass_and_no_tissue():
    rng = np.random.default_rng(1)
    texture = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 3)
    texture = (texture / texture.std()).clip(-2, 2)[..., None]
    filled = (np.array([200, 130, 180]) + 25 * texture).clip(0, 255).astype(np.uint8)
    assert find_tissue(filled) is None
    assert not find_tissue(np.full((HEIGHT, WIDTH, 3), 244, np.uint8)).any()
    noisy = (244 + rng.normal(0, 2, (HEIGHT, WIDTH, 3))).astype(np.uint8)
    assert not find_tissue(noisy).any()


@given(pictures=arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_picture_has_an_answer(pictures):
    for picture in (pictures, np.where(pictures > 128, np.uint8(255), np.uint8(0))):
        mask = find_tissue(picture)
        assert mask is None or (mask.shape == picture.shape[:2] and mask.dtype == bool)
