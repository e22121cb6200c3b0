import anndata as ad
import numpy as np
import pandas as pd
import pytest
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
    stated = read_positions(tmp_path / "B4_selection.tsv", slide="B4", pitch_um=100)
    assert stated.mpp == pytest.approx(100 / 272)
