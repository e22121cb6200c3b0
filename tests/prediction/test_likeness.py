"""Queries of which one fact is altered at a time, beside the honest one."""

from dataclasses import replace

import numpy as np
import pytest

from spatialrag.prediction.likeness import colour_of, find_doubts, sharpness_of, spread_of
from spatialrag.slides.placement import Placement


@pytest.fixture
def query(references, queries, toy_bank):
    thumbnails = toy_bank.select(["toy4"]).thumbnails
    placement = Placement(1.0, "given", 120.0, len(queries.spots), 0)
    return replace(queries, thumbnails=thumbnails, placement=placement)


def facts(query, bank):
    return [doubt.fact for doubt in find_doubts(query, bank)]


def test_an_honest_slide_raises_none(query, references):
    assert facts(query, references) == []


def test_every_slide_left_out_raises_none(toy_bank):
    for slide in toy_bank.slides.index:
        rest = toy_bank.without(slides=[slide])
        asked = replace(
            toy_bank.embeddings_of(slide), thumbnails=toy_bank.select([slide]).thumbnails
        )
        assert facts(asked, rest) == []


def test_patches_that_vary_otherwise(query, references):
    own = query.encoder.own_dim
    flat = query.vectors.copy()
    flat[:, :own] = flat[:, :own].mean(axis=0) + 0.2 * (flat[:, :own] - flat[:, :own].mean(axis=0))
    assert facts(replace(query, vectors=flat), references) == ["contrast"]
    few = slice(0, 5)  # a spread of five spots says nothing
    assert facts(replace(query, vectors=flat[few], spots=query.spots[few], xy=query.xy[few],
                         thumbnails=query.thumbnails[few]), references) == []  # fmt: skip


@pytest.mark.parametrize("times", [2, 4])
def test_a_blurred_picture(query, references, times):
    px = query.thumbnails.shape[1]
    small = query.thumbnails.reshape(-1, px // times, times, px // times, times, 3).mean(
        axis=(2, 4)
    )
    blurred = small.repeat(times, axis=1).repeat(times, axis=2)
    kernel = np.ones(times) / times  # edges of the blocks are smoothed too
    for axis in (1, 2):
        blurred = np.apply_along_axis(np.convolve, axis, blurred, kernel, "same")
    assert facts(replace(query, thumbnails=blurred.astype(np.uint8)), references) == ["sharpness"]


def test_a_grey_picture(query, references):
    grey = query.thumbnails.mean(axis=-1, keepdims=True).repeat(3, axis=-1).astype(np.uint8)
    (doubt,) = find_doubts(replace(query, thumbnails=grey), references)
    assert doubt.fact == "colour"
    assert doubt.value == 0 < doubt.lowest <= doubt.highest
    assert "times less colourful" in doubt.words


def test_spots_off_the_tissue_and_a_wrong_scale(query, references):
    off = replace(query.placement, n_off=len(query.spots) // 2)
    assert facts(replace(query, placement=off), references) == ["off_tissue"]
    for factor, found in ((1.2, ["pitch"]), (1 / 1.2, []), (0.75, ["pitch"]), (1.03, [])):
        # 120 / 1.2 is the pitch of Visium: nothing is wrong with it.
        placement = replace(query.placement, pitch_um=120.0 * factor)
        assert facts(replace(query, placement=placement), references) == found


def test_the_distance_between_cells_says_nothing_of_the_scale(query, references):
    cells = np.random.default_rng(0).uniform(0, 900, query.xy.shape)
    wrong = replace(query, xy=cells, placement=replace(query.placement, pitch_um=144.0))
    assert "pitch" not in facts(wrong, references)


def test_where_nothing_can_be_compared_nothing_is_said(query, references):
    bare = replace(query, thumbnails=None, placement=None)
    assert facts(bare, references) == []
    bank = replace(
        references,
        thumbnails=None,
        slides=references.slides.drop(columns=["pitch_um", "off_tissue"]),
    )
    assert facts(query, bank) == []
    assert facts(replace(query, thumbnails=np.full_like(query.thumbnails, 255)), references) == []


def test_facts_by_hand():
    assert spread_of(np.array([[0.0, 1.0], [2.0, 1.0]])) == pytest.approx(np.log([1.001, 0.001]))
    stripes = np.zeros((1, 4, 4, 3), np.uint8)
    stripes[:, :, 2:] = 100
    # One step of 100 among three differences in each row; grey levels 0 and 100 in halves.
    assert sharpness_of(stripes) == pytest.approx(np.log((100 / 3 + 0.5) / 51))
    red = np.zeros((3, 2, 2, 3), np.uint8)
    red[:, 0, :, 0] = 50  # half of each patch
    assert colour_of(red) == pytest.approx(np.log(26))
    assert np.isnan(colour_of(np.full((2, 4, 4, 3), 255, np.uint8)))
    assert np.isnan(sharpness_of(np.zeros((2, 4, 4, 3), np.uint8)))
