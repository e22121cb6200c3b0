import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.her2st import her2st_sections, read_her2st_section


@pytest.fixture
def root(tmp_path):
    for name in ("ST-cnts", "ST-spotfiles"):
        (tmp_path / "data" / name).mkdir(parents=True)
    names = [f"{x}x{y}" for x in range(3) for y in range(3)]
    counts = pd.DataFrame({"A": range(9), "B": 1}, index=names)
    counts.to_csv(tmp_path / "data" / "ST-cnts" / "Z1.tsv.gz", sep="\t")
    spots = pd.DataFrame(
        [(x, y, x, y, 272 * x + 10, 272 * y + 20, 1) for x in range(4) for y in range(3)][1:],
        columns=["x", "y", "new_x", "new_y", "pixel_x", "pixel_y", "selected"],
    )
    spots.to_csv(tmp_path / "data" / "ST-spotfiles" / "Z1_selection.tsv", sep="\t", index=False)
    return tmp_path


def test_joined_by_name_and_losses_noted(root):
    section = read_her2st_section(root, "Z1")
    assert section.n_spots == 8
    assert "0x0" not in section.spots
    assert len(section.notes) == 2
    assert section.mpp == pytest.approx(200 / 272)
    assert section.mpp_source.startswith("derived")
    row = section.spots.tolist().index("2x1")
    assert section.xy[row].tolist() == [554, 292]


def test_wrong_folder_or_section(root, tmp_path):
    with pytest.raises(InputError, match="not a HER2ST repository"):
        her2st_sections(tmp_path / "data")
    with pytest.raises(InputError, match="no section 'Q9'"):
        read_her2st_section(root, "Q9")


@pytest.mark.realdata
def test_real_sections(data):
    section = read_her2st_section(data / "her2st", "B4")
    assert section.mpp == pytest.approx(0.735, abs=0.01)
    assert section.image is not None
    assert read_her2st_section(data / "her2st", "D5").empty_spots.size == 1


def test_what_a_section_cannot_be_read_from(root):
    counts = root / "data" / "ST-cnts" / "Z1.tsv.gz"
    spots = root / "data" / "ST-spotfiles" / "Z1_selection.tsv"
    whole, places = counts.read_bytes(), spots.read_text()
    names = [f"{x}x{y}" for x in range(3) for y in range(3)]
    logs = pd.DataFrame({"A": [0.5] * 9, "B": 1}, index=names)
    logs.to_csv(counts, sep="\t")
    with pytest.raises(InputError, match="scale is not stated"):
        read_her2st_section(root, "Z1")
    for content in (whole[:-9], b"", b"<html>"):
        counts.write_bytes(content)
        with pytest.raises(InputError, match=r"Z1.tsv"):
            read_her2st_section(root, "Z1")
    counts.write_bytes(whole)
    for text in (places.replace("pixel_x", "px"), places.replace("292", "n"), places + "1\t2\n"):
        spots.write_text(text)
        with pytest.raises(InputError, match="Z1_selection.tsv"):
            read_her2st_section(root, "Z1")
    spots.write_text(places.replace("\t1\n", "\t1\n").replace("0\t", "7\t"))
    with pytest.raises(InputError, match="count rows of Z1|duplicate spot names|Z1"):
        read_her2st_section(root, "Z1")
