from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

from spatialrag.bank.build import build_bank
from spatialrag.encoders.embedding import check_encoder, embed
from spatialrag.encoders.precomputed import Precomputed
from spatialrag.errors import InputError
from spatialrag.prediction.prediction import picture_tissue
from spatialrag.slides.patches import cut_thumbnails
from spatialrag.slides.slide import opened
from spatialrag.slides.spots import Spots


@dataclass
class Counting:
    """Mean color, counting its calls; fails at a chosen one."""

    name: str = "counting"
    fingerprint: str = "1"
    size_px: int = 8
    fail_at: int = -1
    calls: list[int] = field(default_factory=list)

    def encode(self, patches):
        if len(self.calls) == self.fail_at:
            raise KeyboardInterrupt
        self.calls.append(len(patches))
        return patches.mean(axis=(1, 2))


def test_cache_by_content_and_resume(toy_sections, tmp_path):
    section = toy_sections[0]
    plain = embed(section, encoder=Counting(), batch=10)
    with pytest.raises(KeyboardInterrupt):
        embed(section, encoder=Counting(fail_at=3), batch=10, cache=tmp_path)
    second = Counting()
    resumed = embed(section, encoder=second, batch=10, cache=tmp_path)
    assert second.calls == [10, 10, 6]  # three of six batches were done before the interruption
    np.testing.assert_array_equal(resumed.vectors, plain.vectors)
    third = Counting()
    embed(section, encoder=third, batch=10, cache=tmp_path)
    assert third.calls == []
    for changed in (replace(section, mpp=1.1), replace(section, xy=section.xy + 1)):
        encoder = Counting()
        embed(changed, encoder=encoder, batch=10, cache=tmp_path)
        assert sum(encoder.calls) == 56


def test_record_says_how(toy_sections):
    result = embed(toy_sections[0], encoder=Counting(), patch_um=90, context=4)
    assert (result.encoder.dim, result.encoder.patch_um, result.encoder.context) == (6, 90, 4)
    assert result.mpp == 1.0


def test_bad_input_before_any_patch_is_encoded(toy_sections):
    section, encoder = toy_sections[0], Counting()
    for changed, message in (
        (replace(section, xy=section.xy + 1e5), "outside the image"),
        (section.with_image(section.image, None, "unknown"), "pixel size .* unknown"),
        (section.with_image(None, 1.0, "given"), "has no image"),
        (Spots("toy1", [], np.empty((0, 2)), section.image, 1.0), "'toy1' has no spots"),
    ):
        with pytest.raises(InputError, match=message):
            embed(changed, encoder=encoder)
    assert encoder.calls == []


def test_check_encoder(toy_sections):
    record = embed(toy_sections[0], encoder=Counting()).encoder
    check_encoder(Counting(), record)
    with pytest.raises(InputError, match="is not the bank's"):
        check_encoder(Counting(fingerprint="2"), record)
    with pytest.raises(InputError, match="pass --encoder"):
        check_encoder(None, record)


def test_the_side_of_patches_is_the_encoders_own(toy_sections):
    trained = Counting()
    trained.patch_um = 40.0
    trained.source = "weights@1"
    record = embed(toy_sections[0], encoder=trained).encoder
    assert (record.patch_um, record.source) == (40.0, "weights@1")
    assert embed(toy_sections[0], encoder=Counting()).encoder.patch_um == 150.0
    assert embed(toy_sections[0], encoder=trained, patch_um=90).encoder.patch_um == 90.0
    assert replace(record, source="elsewhere") == record


def test_a_slide_too_coarse_for_its_encoder(toy_sections):
    """Patches of 8 px over 1.6 µm are .2 µm per pixel: at 1 µm per pixel they would be blur."""
    fine = Counting()
    fine.patch_um = 1.6
    with pytest.raises(
        InputError, match=r"(?s)too coarse for the encoder 'counting'.*at most 0\.8"
    ):
        embed(toy_sections[0], encoder=fine)
    assert fine.calls == []
    with pytest.raises(InputError, match="too coarse"):
        build_bank(toy_sections, encoder=fine)
    fine.patch_um = None
    embed(toy_sections[0], encoder=fine, patch_um=1.6)


def test_a_spot_outside_the_image_is_left_out_of_vectors_and_bank(toy_sections):
    section = toy_sections[0]
    xy = section.xy.copy()
    xy[3] = (-40, 100)
    moved = replace(section, xy=xy)
    inside = np.delete(section.spots, 3)
    with pytest.warns(UserWarning, match=rf"1 of 56 spots of slide 'toy1'.*{section.spots[3]}"):
        result = embed(moved, encoder=Counting(), context=0)
    assert result.spots.tolist() == inside.tolist()
    expected = embed(section.select(inside), encoder=Counting(), context=0)
    np.testing.assert_array_equal(result.vectors, expected.vectors)
    with pytest.warns(UserWarning, match="1 of 56 spots"):
        bank = build_bank([moved], encoder=Counting(), thumbnail_px=8)
    assert bank.references["barcode"].tolist() == inside.tolist()
    assert bank.expression.shape[0] == 55


def test_the_record_of_the_place_is_kept_with_the_vectors(tmp_path):
    """Spots of a round section; swapped axes are warned about, from the cache as well."""
    row, column = np.mgrid[:240, :240]
    tissue = ((column - 120) / 60) ** 2 + ((row - 120) / 100) ** 2 < 1
    pixels = np.where(tissue[..., None], (200, 120, 180), 244).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "s.png")
    xy = np.argwhere(tissue[8::16, 8::16])[:, ::-1] * 16.0 + 8
    spots = Spots("S2", np.arange(len(xy)).astype(str), xy, tmp_path / "s.png", 4.0, "given")
    first = embed(spots, encoder=Counting(), patch_um=64, cache=tmp_path / "cache")
    assert (first.placement.n_off, first.placement.pitch_um) == (0, 64.0)
    swapped = replace(spots, xy=xy[:, ::-1])
    for _ in range(2):
        with pytest.warns(UserWarning, match="'S2' do not seem to.*x and y swapped"):
            embed(swapped, encoder=Counting(), patch_um=64, cache=tmp_path / "cache")
    again = Counting()
    renamed = replace(spots, mpp_source="file")
    found = embed(renamed, encoder=again, patch_um=64, cache=tmp_path / "cache").placement
    assert again.calls == []
    assert found == replace(first.placement, mpp_source="file")


def test_pixel_size_against_the_pitch_of_the_platform(toy_sections):
    section = toy_sections[0]
    column, row = np.meshgrid(np.arange(7), np.arange(8))
    xy = np.column_stack(
        [((column + 0.5 * (row % 2)) * 100 + 60).ravel(), (row * 86.6 + 60).ravel()]
    )
    names = [
        f"{'ACGT' * 3}{'ACGT'[i // 16]}{'ACGT'[i // 4 % 4]}{'ACGT'[i % 4]}A-1" for i in range(56)
    ]
    encoder = Counting()
    with pytest.raises(InputError, match=r"(?s)'toy1'.*0\.5 \(given\).*Visium"):
        embed(Spots("toy1", names, xy, section.image, 0.5, "given"), encoder=encoder)
    assert encoder.calls == []
    embed(Spots("toy1", names, xy, section.image, 1.0, "given"), encoder=encoder)


def test_one_opening_and_one_decoding_for_vectors_pictures_and_tissue(toy_sections, slides_read):
    """A patch each, the thumbnail that the spots' place is judged by, and the tissue's picture."""
    located = toy_sections[0].located
    with opened(located.image) as slide:
        found = embed(located, encoder=Counting(), slide=slide, thumbnail_px=16)
        tissue = picture_tissue(located, slide=slide)
    assert slides_read.opened == ["toy1.jpg"]
    assert (slides_read.closed, slides_read.regions) == (1, 56 + 2)
    assert tissue.pixels.shape[2] == 3
    plain = embed(located, encoder=Counting())
    np.testing.assert_array_equal(found.vectors, plain.vectors)
    assert plain.thumbnails is None
    np.testing.assert_array_equal(
        found.thumbnails, cut_thumbnails(located, patch_um=150, size_px=16)
    )


def test_pictures_are_kept_and_cut_alone_where_vectors_are_kept(
    toy_sections, slides_read, tmp_path
):
    section, options = toy_sections[0], {"batch": 10, "cache": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        embed(section, encoder=Counting(fail_at=3), **options)
    first = Counting()
    found = embed(section, encoder=first, thumbnail_px=16, **options)
    assert first.calls == [10, 10, 6]
    np.testing.assert_array_equal(
        found.thumbnails, cut_thumbnails(section.located, patch_um=150, size_px=16)
    )
    slides_read.regions, second = 0, Counting()
    again = embed(section, encoder=second, thumbnail_px=16, **options)
    assert (second.calls, slides_read.regions) == ([], 0)
    np.testing.assert_array_equal(again.thumbnails, found.thumbnails)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    other = embed(section, encoder=second, thumbnail_px=8, **options)
    assert (second.calls, slides_read.regions) == ([], 56)
    assert other.thumbnails.shape == (56, 8, 8, 3)


def test_pictures_of_vectors_that_exist_already(toy_sections, slides_read):
    """A bank of precomputed vectors records a side of 0: pictures are of 150 µm then."""
    located = toy_sections[0].located
    vectors = Precomputed({"toy1": (located.spots[2:], np.ones((54, 3)))})
    found = embed(located, encoder=vectors, patch_um=0.0, thumbnail_px=16)
    assert len(slides_read.opened) == 1
    expected = cut_thumbnails(located.select(found.spots), patch_um=150, size_px=16)
    np.testing.assert_array_equal(found.thumbnails, expected)
    with pytest.raises(InputError, match="has no image"):
        embed(replace(located, image=None), encoder=vectors, thumbnail_px=16)


def test_a_batch_of_no_patches(toy_sections):
    with pytest.raises(InputError, match="batch must be at least 1"):
        embed(toy_sections[0], encoder=Counting(), batch=0)
