from dataclasses import replace

import numpy as np
import pytest

from spatialrag.bank.build import bank_of_section, build_bank, check_addition, join_banks
from spatialrag.encoders.embedding import embed
from spatialrag.errors import InputError


def same(one, other):
    assert one.fingerprint == other.fingerprint
    assert (one.expression != other.expression).nnz == 0
    np.testing.assert_array_equal(one.genes, other.genes)
    np.testing.assert_array_equal(one.measured, other.measured)
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    assert one.references.equals(other.references)


def test_add_then_remove_leaves_everything_bit_identical(toy_bank):
    three, fourth = toy_bank.without(slides=["toy4"]), toy_bank.select(["toy4"])
    joined = join_banks([three, fourth])
    assert joined.fingerprint != three.fingerprint
    same(joined, toy_bank)
    same(joined.without(slides=["toy4"]), three)


def test_fingerprint_does_not_depend_on_order_but_on_content(toy_sections):
    one, two = toy_sections[:2]
    assert build_bank([one, two]).fingerprint == build_bank([two, one]).fingerprint
    changed = replace(one, expression=one.expression * 2)
    assert build_bank([changed, two]).fingerprint != build_bank([one, two]).fingerprint


def test_banks_that_cannot_be_joined(toy_bank, toy_sections):
    bare = bank_of_section(toy_sections[0])
    message = r"(?s)faults.*slides given twice: toy1.*embedded by None"
    with pytest.raises(InputError, match=message):
        join_banks([toy_bank, bare])


def test_mixed_scales_and_no_sections(toy_sections):
    logged = replace(toy_sections[1], scale="log1p")
    with pytest.raises(InputError, match="different expression scales"):
        build_bank([toy_sections[0], logged])
    with pytest.raises(InputError, match="at least one section"):
        build_bank([])


def test_pictures_are_patches(toy_bank):
    assert toy_bank.thumbnails.shape == (224, 16, 16, 3)
    assert toy_bank.thumbnails.std() > 10


def test_every_slide_is_checked_before_the_first_is_embedded(toy_sections):
    class Encoder:
        name, fingerprint, size_px = "never", "1", 8

        def encode(self, patches):
            raise AssertionError("embedded before all slides were checked")

    last = toy_sections[3].with_image(toy_sections[3].image, None, "unknown")
    with pytest.raises(InputError, match="pixel size of slide 'toy4' is unknown"):
        build_bank([*toy_sections[:3], last], encoder=Encoder())
    far = replace(toy_sections[3], xy=toy_sections[3].xy * 100)
    with pytest.raises(InputError, match="outside the image toy4.jpg"):
        build_bank([*toy_sections[:3], far], encoder=Encoder())


def test_what_cannot_join_is_said_before_anything_is_embedded(toy_bank, toy_sections):
    with pytest.raises(InputError, match="slides given twice: toy1"):
        build_bank([toy_sections[0], toy_sections[0]])
    logged = replace(toy_sections[0], scale="log1p")
    with pytest.raises(InputError, match=r"(?s)already in the bank: toy1.*toy1 is log1p"):
        check_addition(toy_bank, [logged])
    check_addition(toy_bank.without(slides=["toy4"]), toy_sections[3:])


def test_pictures_of_all_slides_or_none(toy_sections):
    unknown = toy_sections[1].with_image(toy_sections[1].image, None, "unknown")
    assert build_bank([toy_sections[0], unknown]).thumbnails is None


def test_what_reading_left_out_is_kept(toy_sections):
    noted = replace(toy_sections[0], notes=("3 spots left out", "names trimmed"))
    bank = build_bank([noted, toy_sections[1]], thumbnail_px=0)
    assert bank.slides["notes"].tolist() == ["3 spots left out; names trimmed", ""]
    old = replace(bank, slides=bank.slides.drop(columns="notes")).without(slides=["toy2"])
    joined = join_banks([old, build_bank([toy_sections[1]], thumbnail_px=0)])
    assert joined.slides["notes"].tolist() == ["", ""]


def test_symbols_beside_ids_are_refused_when_joining(toy_bank, toy_sections):
    ids = np.array([f"ENSG{i:011d}" for i in range(len(toy_sections[0].genes))])
    other = replace(toy_sections[0], slide="other", genes=ids)
    with pytest.raises(InputError, match=r"(?s)share 0 of their genes.*gene_column"):
        build_bank([toy_sections[1], other], thumbnail_px=0)
    with pytest.raises(InputError, match="the bank and other share 0"):
        check_addition(toy_bank, [other])


def test_a_section_is_checked_by_its_header_and_then_opened_once(toy_sections, slides_read):
    """A patch is decoded once for vector and picture; the whole slide for its tissue and marks."""
    build_bank(toy_sections[:2], encoder="color", thumbnail_px=16)
    assert slides_read.opened == ["toy1.jpg", "toy2.jpg"] * 2
    assert (slides_read.closed, slides_read.regions) == (4, 2 * (56 + 2))


def test_pictures_without_an_encoder(toy_sections, toy_bank, slides_read):
    bank = build_bank(toy_sections[:1], thumbnail_px=16)
    np.testing.assert_array_equal(bank.thumbnails, toy_bank.select(["toy1"]).thumbnails)
    assert (slides_read.opened, slides_read.regions) == (["toy1.jpg"], 57)  # and the marks


@pytest.mark.parametrize("side", [-1, 1025, 10**6])
def test_pictures_of_sides_that_cannot_be_kept_are_refused_before_an_image_is_opened(
    toy_sections, slides_read, side
):
    with pytest.raises(InputError, match=f"{side} pixels a side"):
        build_bank(toy_sections[:1], encoder="color", thumbnail_px=side)
    with pytest.raises(InputError, match=f"{side} pixels a side"):
        embed(toy_sections[0], encoder="color", thumbnail_px=side)
    assert not slides_read.opened
