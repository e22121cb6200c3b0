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
    pd.DataFrame({"A": [1]}, index=["a"]).to_csv(table)
    with pytest.raises(InputError, match="columns x and y"):
        read_positions(table, slide="q")


def test_absent_file(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_section(tmp_path / "no.h5ad")
