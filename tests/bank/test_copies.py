"""How a prediction is kept from citing itself: bank, marks, `find_copies`, `leave_out_copies`."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from spatialrag.bank.build import bank_of_section, build_bank
from spatialrag.bank.copies import (
    Copy,
    copies_within,
    describe_copies,
    find_copies,
    leave_out_copies,
    unmarked_slides,
)
from spatialrag.bank.store import describe, read_bank, verify_bank, write_bank
from spatialrag.errors import InputError
from spatialrag.expression.normalize import to_scale
from spatialrag.slides.picture_marks import PictureMarks, mark_picture
from spatialrag.slides.spots import spot_pitch


@pytest.fixture(scope="module")
def bank(toy_sections):
    """Counts and marks of four slides."""
    return build_bank(toy_sections, thumbnail_px=0)


def renamed(section, slide="copy", donor="other"):
    return replace(section, slide=slide, donor=donor)


def test_the_slide_of_its_own_name_is_left_out(bank):
    copies = find_copies(bank, slide="toy2")
    assert copies == (Copy("toy2", "name"),)
    left, notes = leave_out_copies(bank, copies, query="toy2")
    assert list(left.slides.index) == ["toy1", "toy3", "toy4"]
    assert notes == ("toy2 of the bank has the query's name and is left out",)
    assert describe_copies(copies, left) == [
        {"slide": "toy2", "by": "name", "score": 1.0, "left_out": True}
    ]


def test_the_same_picture_under_another_name_is_refused(bank, toy_sections, tmp_path):
    path = tmp_path / "q.jpg"
    shutil.copy(toy_sections[1].image, path)
    copies = find_copies(bank, slide="q", marks=mark_picture(path))
    assert copies == (Copy("toy2", "image"),)
    with pytest.raises(InputError) as caught:
        leave_out_copies(bank, copies, query="q")
    for part in ("q is in the bank under another name", "toy2 (the same picture)"):
        assert part in str(caught.value)
    for part in ("expected:", "--exclude-slide toy2", "--allow-self", "allow_self=True"):
        assert part in str(caught.value)


def test_a_picture_that_was_cut_resized_and_saved_again(bank, toy_sections, tmp_path):
    with Image.open(toy_sections[1].image) as image:
        width, height = image.size
        part = image.crop((width // 10, height // 20, width, height)).resize((500, 470))
        part.save(tmp_path / "q.jpg", quality=40)
    (copy,) = find_copies(bank, slide="q", marks=mark_picture(tmp_path / "q.jpg"))
    assert (copy.slide, copy.by) == ("toy2", "likeness")
    assert 0.25 < copy.score < 1
    with pytest.raises(InputError, match="toy2 \\(a picture of the same tissue, likeness 0"):
        leave_out_copies(bank, [copy], query="q")


def test_several_sections_on_one_scan_are_no_copies(toy_sections):
    """The left and the right half of a slide, as two sections on one picture."""
    section = toy_sections[0]
    middle = np.median(section.xy[:, 0])
    pitch = spot_pitch(section.xy)
    left = section.select(section.spots[section.xy[:, 0] < middle - pitch])
    right = renamed(section.select(section.spots[section.xy[:, 0] > middle]), "right")
    both = build_bank([left, right], thumbnail_px=0)
    assert copies_within(both, "right") == ()
    marks = mark_picture(section.image)
    assert find_copies(both, slide="q", marks=marks, xy=section.xy + 1e6) == ()
    copies = (Copy(left.slide, "image"), Copy("right", "image"))
    assert find_copies(both, slide="q", marks=marks) == copies
    assert find_copies(both, slide="q", marks=marks, xy=section.xy) == copies
    assert find_copies(both, slide="q", marks=marks, xy=right.xy + 1) == copies[1:]


def test_excluded_copies_are_left_out_whoever_does_it(bank, toy_sections):
    copies = find_copies(bank, slide="q", marks=mark_picture(toy_sections[1].image))
    left, notes = leave_out_copies(bank, copies, query="q", excluded=["toy2", "toy4"])
    assert list(left.slides.index) == ["toy1", "toy3"]
    assert notes == ("toy2 (the same picture) is left out, as asked",)
    already, again = leave_out_copies(
        bank.without(slides=["toy2"]), copies, query="q", excluded=["toy2"]
    )
    assert list(already.slides.index) == ["toy1", "toy3", "toy4"]
    assert again == notes
    with pytest.raises(InputError, match="'nope' is not in the bank"):
        leave_out_copies(bank, copies, query="q", excluded=["toy2", "nope"])


def test_allowed_copies_stay_and_are_marked(bank, toy_sections):
    copies = find_copies(bank, slide="toy2", marks=mark_picture(toy_sections[2].image))
    assert [copy.by for copy in copies] == ["name", "image"]
    left, notes = leave_out_copies(bank, copies, query="toy2", allow_self=True)
    assert left.fingerprint == bank.fingerprint
    assert len(notes) == 2
    assert "allowed" in notes[0]
    assert [entry["left_out"] for entry in describe_copies(copies, left)] == [False, False]


def test_a_bank_of_nothing_but_copies(bank):
    alone = bank.select(["toy2"])
    with pytest.raises(InputError, match="no reference is left"):
        leave_out_copies(alone, find_copies(alone, slide="toy2"), query="toy2")


def test_copied_counts_are_found(bank, toy_sections):
    section = renamed(toy_sections[2])
    genes = np.random.default_rng(0).permutation(section.genes)[:600]
    columns = [np.flatnonzero(section.genes == gene)[0] for gene in genes]
    changed = replace(
        section,
        spots=np.array([f"s{i}" for i in range(30)]),
        expression=section.expression[:30][::-1][:, columns],
        genes=genes,
        xy=None,
        obs=None,
    )
    (copy,) = find_copies(bank, slide="copy", section=changed)
    assert (copy.slide, copy.by) == ("toy3", "counts")
    assert copy.score > 0.95
    assert "toy3 (the same counts in" in str(copy)


def test_equal_places_are_no_sign(bank, toy_sections):
    """All toy slides have one grid of spots, with the same names."""
    others = bank.without(slides=["toy4"])
    assert np.array_equal(toy_sections[0].xy, toy_sections[3].xy)
    assert find_copies(others, slide="toy4", section=toy_sections[3]) == ()


def test_genes_under_other_names_cannot_be_compared(bank, toy_sections):
    section = toy_sections[0]
    other = replace(renamed(section), genes=np.array([f"other{g}" for g in section.genes]))
    assert find_copies(bank, slide="copy", section=other) == ()


def test_copies_within_a_bank(toy_sections, bank):
    twice = build_bank([*toy_sections, renamed(toy_sections[0])], thumbnail_px=0)
    assert copies_within(twice, "toy1") == (Copy("copy", "image"),)
    assert copies_within(twice, "copy") == (Copy("toy1", "image"),)
    assert copies_within(twice, "toy2") == ()
    blind = bank_of_section(renamed(toy_sections[0]))
    assert [copy.by for copy in find_copies(blind, slide="x", section=toy_sections[0])] == [
        "counts"
    ]
    assert copies_within(bank.select(["toy1"]), "toy1") == ()


def test_marks_are_kept_and_verified(bank, tmp_path):
    alone = bank.select(["toy1"])
    path = write_bank(alone, tmp_path / "bank.zarr")
    assert read_bank(path).slides.equals(alone.slides)
    assert unmarked_slides(read_bank(path)) == []
    assert not [name for name in describe(alone)["slides"][0] if name.startswith("image_")]
    for column in PictureMarks().columns:
        edited = replace(alone, slides=alone.slides.assign(**{column: "0" * 64}))
        write_bank(edited, path, overwrite=True)
        with pytest.raises(InputError, match="is not what was written"):
            verify_bank(path)


def test_stores_without_marks_say_so(bank):
    old = replace(bank, slides=bank.slides.drop(columns=["image_hash", "image_keypoints"]))
    assert unmarked_slides(old) == ["toy1", "toy2", "toy3", "toy4"]
    copies = find_copies(old, slide="toy2")
    left, notes = leave_out_copies(old, copies, query="toy2")
    assert list(left.slides.index) == ["toy1", "toy3", "toy4"]
    assert "copies of toy1, toy3, toy4 are not found by their pictures" in notes[1]


@pytest.mark.parametrize("scale", ["log1p", "log1p_cp10k"])
def test_stored_logarithms_are_compared_with_counts(scale, toy_sections):
    """Normalized spots are told by which genes they express."""
    parts = [
        replace(
            section,
            image=None,
            scale=scale,
            expression=to_scale(section.expression, stored="counts", wanted=scale),
        )
        for section in toy_sections
    ]
    logged = build_bank(parts)
    (copy,) = find_copies(logged, slide="copy", section=renamed(toy_sections[2]))
    assert (copy.slide, copy.by, copy.score) == ("toy3", "counts", 1.0)
    others = logged.without(slides=["toy3"])
    assert find_copies(others, slide="copy", section=toy_sections[2]) == ()
