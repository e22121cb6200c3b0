import json
from dataclasses import replace

import numpy as np
import pytest

from spatialrag.bank.build import build_bank
from spatialrag.encoders.embedding import embed
from spatialrag.errors import InputError
from spatialrag.expression.cohort import read_her2st_cohort
from spatialrag.expression.hest import hest_slides, read_hest_cohort, read_hest_section


@pytest.fixture
def root(toy_sections, hest_writer, tmp_path):
    for section in toy_sections[:2]:
        hest_writer(section, tmp_path, patches=False, dataset_title="Toy", organ="None")
    return tmp_path


def test_a_slide_as_it_was(root, toy_sections):
    assert hest_slides(root) == ["toy1", "toy2"]
    section, original = read_hest_section(root, "toy1"), toy_sections[0]
    assert (section.slide, section.donor) == ("toy1", original.donor)
    assert (section.expression != original.expression).nnz == 0
    np.testing.assert_array_equal(section.xy, original.xy)
    assert section.image.name == "toy1.tif"
    assert section.mpp == pytest.approx(original.mpp)
    assert section.mpp_source == "HEST metadata"
    few = [s.select(s.spots[::8]) for s in read_hest_cohort(root)]
    bank = build_bank(few, encoder="color", thumbnail_px=8)
    assert bank.n_references == sum(s.n_spots for s in few)
    expected = build_bank([s.select(s.spots[::8]) for s in toy_sections[:2]], encoder="color")
    r = [np.corrcoef(bank.embeddings[:, j], expected.embeddings[:, j])[0, 1] for j in range(6)]
    assert min(r) > 0.9


def test_patches_stand_in_for_the_image_and_are_joined_by_barcode(
    toy_sections, hest_writer, tmp_path
):
    section = toy_sections[0].select(toy_sections[0].spots[::3])
    hest_writer(section, tmp_path, whole=False, without=3)
    found = read_hest_section(tmp_path, section.slide)
    assert found.spots.tolist() == section.spots[3:].tolist()
    assert found.notes == (f"3 of {section.n_spots} spots have no patch and are left out",)
    vectors = embed(found, encoder="color", patch_um=100, context=0).vectors
    expected = embed(section, encoder="color", patch_um=100, context=0).vectors[3:]
    # Both were resampled, once more where patches were cut: the same tissue, other pixels.
    r = [np.corrcoef(vectors[:, j], expected[:, j])[0, 1] for j in range(0, 6)]
    assert min(r) > 0.9


def test_doubtful_donors_and_metadata(toy_sections, hest_writer, tmp_path):
    hest_writer(toy_sections[0], tmp_path, patches=False, patient=None, dataset_title="A")
    hest_writer(toy_sections[1], tmp_path, patches=False, patient=3.0, st_technology="Visium HD")
    assert read_hest_section(tmp_path, "toy1").donor == "toy1"
    assert read_hest_section(tmp_path, "toy2").donor == "3"
    with pytest.warns(UserWarning, match="2 slides have doubtful donors: toy1, toy2"):
        sections = read_hest_cohort(tmp_path)
    assert all("doubtful donor" in section.notes[-1] for section in sections)
    (tmp_path / "metadata" / "toy1.json").unlink()
    table = "\ufeffid,patient,pixel_size_um_embedded\ntoy1,P7,0.5\n"
    (tmp_path / "HEST_v1_1_0.csv").write_text(table, encoding="utf-8")
    section = read_hest_section(tmp_path, "toy1")
    assert (section.donor, section.mpp) == ("P7", 0.5)


def test_donors_of_different_cohorts_are_told_apart(toy_sections, hest_writer, tmp_path):
    for section, title in zip(toy_sections[:2], ("Kidney", "Lung"), strict=True):
        hest_writer(section, tmp_path, patches=False, patient="1", dataset_title=title)
    assert [s.donor for s in read_hest_cohort(tmp_path)] == ["1 (Kidney)", "1 (Lung)"]


def test_the_same_slide_under_two_names_is_refused(root, toy_sections, hest_writer):
    copy = replace(toy_sections[0], slide="copy")
    hest_writer(copy, root, patches=False)
    with pytest.raises(InputError, match="same counts under several names: copy = toy1"):
        read_hest_cohort(root)
    assert len(read_hest_cohort(root, ["toy1", "toy2"])) == 2


def test_what_is_missing_is_named(root, toy_sections, hest_writer, tmp_path):
    with pytest.raises(InputError, match="is not a HEST-1k folder"):
        hest_slides(tmp_path / "wsis")
    with pytest.raises(InputError, match="no slide 'SPA1'"):
        read_hest_section(root, "SPA1")
    facts = root / "metadata" / "toy1.json"
    facts.write_text(json.dumps({"patient": "a"}))
    with pytest.raises(InputError, match="pixel size of 'toy1' is unknown"):
        read_hest_section(root, "toy1")
    facts.unlink()
    with pytest.raises(InputError, match="'toy1' has no metadata"):
        read_hest_section(root, "toy1")
    hest_writer(toy_sections[0], root, whole=False)
    (root / "wsis" / "toy1.tif").unlink()
    from h5py import File

    with File(root / "patches" / "toy1.h5", "r+") as file:
        file["barcode"][:] = b"x"
    with pytest.raises(InputError, match="no patch of toy1.h5 belongs to a spot"):
        read_hest_section(root, "toy1")


@pytest.mark.realdata
def test_her2st_sections_in_this_layout(data, hest_writer, tmp_path):
    for section in read_her2st_cohort(data / "her2st", ["C2", "C3"]):
        section = section.select(section.spots[::6])
        hest_writer(section, tmp_path, whole=section.slide == "C2", without=5)
    whole, cut = read_hest_cohort(tmp_path)
    assert (whole.image.suffix, cut.image.suffix) == (".tif", ".h5")
    assert len(cut.notes) == 1
    bank = build_bank([whole, cut], encoder="color", thumbnail_px=0)
    assert bank.n_references == whole.n_spots + cut.n_spots
    assert np.isfinite(bank.embeddings).all()


def test_a_few_spots_outside_of_the_picture_are_left_out(toy_sections, hest_writer, tmp_path):
    section = toy_sections[0]
    xy = section.xy.copy()
    xy[:2] = -39, 40
    hest_writer(replace(section, xy=xy), tmp_path, patches=False)
    (found,) = read_hest_cohort(tmp_path)
    assert found.spots.tolist() == section.spots[2:].tolist()
    assert f"2 of {section.n_spots} spots of toy1 outside the image left out" in found.notes[0]
    xy[: len(xy) // 2, 0] -= 1e4
    hest_writer(replace(section, xy=xy), tmp_path, patches=False)
    with pytest.raises(InputError, match="spots of 'toy1' lie outside the image"):
        read_hest_section(tmp_path, "toy1")


@pytest.mark.parametrize("text", ["{", "[1]", "", "<html>", '{"pixel_size_um_estimated": "x"}'])
def test_bad_metadata(root, text):
    (root / "metadata" / "toy1.json").write_text(text)
    with pytest.raises(InputError, match=r"toy1"):
        read_hest_section(root, "toy1")
