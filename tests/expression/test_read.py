import anndata as ad
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions, read_section


@pytest.fixture
def table(tmp_path):
    frame = pd.DataFrame({"x": [10, 30, 50], "y": [10, 10, 10], "A": [1, 2, 3]}, index=list("abc"))
    frame.to_csv(tmp_path / "s.csv")
    Image.fromarray(np.zeros((60, 60, 3), np.uint8)).save(tmp_path / "s.jpg", dpi=(72, 72))
    return tmp_path / "s.csv"


def test_pixel_size_given_derived_or_unknown(table):
    image = table.with_suffix(".jpg")
    assert read_section(table, image=image, mpp=0.5).mpp_source == "given"
    assert read_section(table, image=image, pitch_um=10).mpp == pytest.approx(0.5)
    unknown = read_section(table, image=image)
    assert unknown.mpp is None
    with pytest.raises(InputError, match="pixel size .* unknown"):
        unknown.located.require_mpp()


def test_positions_alone(table):
    spots = read_positions(table, slide="q", image=table.with_suffix(".jpg"), mpp=0.5)
    assert spots.spots.tolist() == ["a", "b", "c"]
    assert not hasattr(spots, "expression")
    # Its spots are 20 pixels apart.
    assert read_positions(table, slide="q", pitch_um=100).mpp == pytest.approx(5)
    section = ad.AnnData(np.ones((3, 1), np.float32), obsm={"spatial": spots.xy})
    section.write_h5ad(table.with_suffix(".h5ad"))
    found = read_positions(table.with_suffix(".h5ad"), slide="q", pitch_um=100)
    assert found.mpp == pytest.approx(5)
    assert "100 µm pitch" in found.mpp_source
    pd.DataFrame({"A": [1]}, index=["a"]).to_csv(table)
    with pytest.raises(InputError, match="columns x and y"):
        read_positions(table, slide="q")


def test_absent_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_section(tmp_path / "no.h5ad")


def test_positions_of_a_her2st_selection_file(tmp_path):
    frame = pd.DataFrame({"x": [1, 2], "y": [5, 5], "pixel_x": [100.0, 372], "pixel_y": [50.0, 50]})
    frame.to_csv(tmp_path / "B4_selection.tsv", sep="\t", index=False)
    spots = read_positions(tmp_path / "B4_selection.tsv", slide="B4")
    assert spots.spots.tolist() == ["1x5", "2x5"]
    assert spots.xy.tolist() == [[100, 50], [372, 50]]
    assert spots.mpp == pytest.approx(200 / 272)
    with pytest.raises(InputError, match="stated differently by different sources"):
        read_positions(tmp_path / "B4_selection.tsv", slide="B4", pitch_um=100)


def test_sources_of_the_pixel_size_are_compared(table):
    image = table.with_suffix(".tif")
    pixels = np.full((60, 60, 3), 255, np.uint8)
    tifffile.imwrite(
        image, pixels, resolution=(1e4 / 0.25, 1e4 / 0.25), resolutionunit="CENTIMETER"
    )
    assert read_section(table, image=image, mpp=0.27).mpp_source == "given"
    with pytest.raises(InputError, match=r"(?s)0.25 \(file\); 5 \(derived: 100 µm pitch"):
        read_section(table, image=image, pitch_um=100)
    with pytest.raises(InputError, match=r"(?s)0.5 \(given\); 0.25 \(file\)"):
        read_positions(table, slide="q", image=image, mpp=0.5)
    believed = read_section(table, image=image, pitch_um=100, mpp_from="pitch")
    assert believed.mpp == pytest.approx(5.0)
    assert "believed over 0.25 (file)" in believed.notes[-1]


def test_spots_outside_the_picture(tmp_path):
    frame = pd.DataFrame({"x": np.arange(10) * 6, "y": 5, "A": 1}, index=list("abcdefghij"))
    frame.loc["j", "x"] = 61
    frame.to_csv(tmp_path / "s.csv")
    Image.new("RGB", (60, 60)).save(tmp_path / "s.png")
    section = read_section(tmp_path / "s.csv", image=tmp_path / "s.png", mpp=1)
    assert section.spots.tolist() == list("abcdefghi")
    assert "1 of 10 spots of s outside the image left out: j" in section.notes
    with pytest.warns(UserWarning, match="outside its image"):
        spots = read_positions(tmp_path / "s.csv", slide="q", image=tmp_path / "s.png", mpp=1)
    assert spots.spots.tolist() == list("abcdefghi")
    Image.new("RGB", (30, 60)).save(tmp_path / "s.png")
    with pytest.raises(InputError, match="lie outside the image"):
        read_section(tmp_path / "s.csv", image=tmp_path / "s.png", mpp=1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.h5ad", b"a,b\n1,2\n", "plain text"),
        ("x.h5ad", b"<html>", "a web page"),
        ("x.h5", b"version https://git-lfs.github.com", "Git LFS"),
        ("x.csv", b"PK\x03\x04", "a zip archive"),
        ("x.rds", b"X\n\x00\x00\x00\x03", "an R object"),
        ("x.loom", b"\x89HDF\r\n\x1a\n", "cut short or damaged"),
        ("x.png", b"\x89PNG", "a PNG image"),
        ("x", b"", "an empty file"),
    ],
)
def test_other_files_are_recognized(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    for read in (read_section, lambda path: read_positions(path, slide="q")):
        with pytest.raises(InputError, match=said):
            read(tmp_path / name)


def test_a_matrix_of_10x_named_h5ad_says_what_it_is(chip, tmp_path):
    folder = chip.write(tmp_path / "S1")
    section = read_section(folder / "filtered_feature_bc_matrix.h5")
    assert (section.slide, section.n_spots) == ("S1", 18)
    (folder / "filtered_feature_bc_matrix.h5").rename(folder / "x.h5ad")
    with pytest.raises(InputError, match=r"(?s)count matrix of 10x.*Space Ranger folder"):
        read_section(folder / "x.h5ad")


def test_an_h5ad_by_another_name(tmp_path):
    adata = ad.AnnData(np.ones((2, 2)), obsm={"spatial": np.eye(2)})
    for name in ("x.H5AD", "x.h5", "x.bin"):
        adata.write_h5ad(tmp_path / name)
        assert read_section(tmp_path / name).n_spots == 2


def test_slides_that_cannot_be_files_or_keys(table):
    for slide in ("../up", "a/b", "a:b", "..", "a\x00"):
        with pytest.raises(InputError, match="cannot be the name of a slide|not text"):
            read_section(table, slide=slide)
        with pytest.raises(InputError, match="cannot be the name of a slide|not text"):
            read_positions(table, slide=slide)
    with pytest.raises(InputError, match="donor names are empty"):
        read_section(table, slide="s", donor=" ")
