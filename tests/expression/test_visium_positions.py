import json

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.visium_positions import read_positions_table, stated_sizes


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("name", "sep"),
    [
        ("tissue_positions.csv", ","),
        ("tissue_positions_list.csv", ","),
        ("tissue_positions.csv.gz", ","),
        ("tissue_positions.tsv", "\t"),
        ("tissue_positions.csv", ";"),
        ("tissue_positions.parquet", ""),
    ],
)
def test_with_and_without_a_header(chip, tmp_path, name, sep, header):
    path = chip.write_positions(tmp_path / name, header=header, sep=sep)
    obs, xy, _ = read_positions_table(path)
    assert obs.index.tolist() == chip.positions["barcode"].tolist()
    np.testing.assert_allclose(xy, chip.xy)
    assert obs["in_tissue"].astype(int).tolist() == [1] * 18


def test_names_of_columns_count_not_their_order(chip, tmp_path):
    shuffled = chip.positions[chip.positions.columns[::-1]]
    shuffled.to_csv(tmp_path / "p.csv", index=True)
    np.testing.assert_allclose(read_positions_table(tmp_path / "p.csv")[1], chip.xy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1,2\nb,1,3\n", "3 columns without a header"),
        ("barcode,in_tissue\na,1\n", "no positions in pixels"),
        ("a,1,0,0,1,1\na,1,0,1,2,2\n", "duplicate spot names"),
        ("barcode,pxl_row_in_fullres,pxl_col_in_fullres\na,x,1\n", "not numbers"),
        ("", "an empty file"),
    ],
)
def test_refused(tmp_path, text, message):
    (tmp_path / "tissue_positions.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_positions_table(tmp_path / "tissue_positions.csv")


def sizes(chip, tmp_path, **facts):
    path = chip.write_factors(tmp_path / "scalefactors_json.json", **facts)
    names = chip.positions["barcode"].to_numpy()
    return [(size.mpp, size.source) for size in stated_sizes(path, chip.xy, names)]


def test_what_is_stated_of_the_scale(chip, tmp_path):
    """The pitch of 100 µm is 50 px: 2 µm per pixel; a spot of 65 µm is then 32.5 px."""
    lattice, diameter = sizes(chip, tmp_path, spot_diameter_fullres=32.5)
    assert lattice[0] == pytest.approx(2.0)
    assert "100 µm pitch" in lattice[1]
    assert diameter[0] == pytest.approx(2.0)
    assert "65 µm spot" in diameter[1]
    stated, square = sizes(
        chip, tmp_path, microns_per_pixel=0.2737, bin_size_um=8.0, spot_diameter_fullres=29.23
    )
    assert stated == (0.2737, "Space Ranger: microns_per_pixel")
    assert square[0] == pytest.approx(8 / 29.23)
    assert stated_sizes(None, chip.xy, chip.positions["barcode"].to_numpy()) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"spot_diameter_fullres": 0},
        {"spot_diameter_fullres": "wide"},
        {"spot_diameter_fullres": True},
        {"microns_per_pixel": float("nan")},
        {"microns_per_pixel": -1.0},
        {"tissue_hires_scalef": 0.1},
    ],
)
def test_bad_factors(chip, tmp_path, facts):
    with pytest.raises(InputError, match=r"scalefactors_json.json"):
        sizes(chip, tmp_path, **facts)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", json.dumps("x")])
def test_no_json(chip, tmp_path, text):
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(InputError, match="f.json"):
        stated_sizes(tmp_path / "f.json", chip.xy, chip.positions["barcode"].to_numpy())
