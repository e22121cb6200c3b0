import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions, read_section
from spatialrag.expression.visium import read_visium


def by_name(chip):
    """Counts and places as they were drawn, by barcode."""
    counts = pd.DataFrame(chip.counts, index=chip.codes, columns=chip.genes)
    places = pd.DataFrame(chip.xy, index=chip.positions["barcode"])
    return counts, places


def check(section, chip, spots=None):
    counts, places = by_name(chip)
    spots = chip.codes if spots is None else spots
    assert section.spots.tolist() == spots
    np.testing.assert_array_equal(section.expression.toarray(), counts.loc[spots, section.genes])
    np.testing.assert_allclose(section.xy, places.loc[spots])


@pytest.mark.parametrize("matrix", ["h5", "mtx"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("raw", [True, False])
def test_joined_by_barcode_in_every_layout(chip, tmp_path, matrix, header, raw):
    outs = tmp_path / "S1" / "outs"
    kind = "raw" if raw else "filtered"
    if matrix == "h5":
        chip.write_h5(outs / f"{kind}_feature_bc_matrix.h5")
    else:
        chip.write_mtx(outs / f"{kind}_feature_bc_matrix")
    name = "tissue_positions.csv" if header else "tissue_positions_list.csv"
    chip.write_positions(outs / "spatial" / name, header=header)
    chip.write_factors(outs / "spatial" / "scalefactors_json.json")
    for path in (outs, outs.parent):
        section = read_section(path)
        check(section, chip)
        assert section.slide == "S1"
        assert section.mpp == pytest.approx(2.0)
        assert section.notes == ()


def test_features_spots_and_glass_are_left_out_and_counted(chip, tmp_path):
    chip.types[4:] = ["Antibody Capture"] * 2
    chip.genes[5] = "G0"  # an antibody named as a gene renames neither
    glass = chip.positions["barcode"][:5].tolist()
    chip.positions.loc[:4, "in_tissue"] = 0
    section = read_visium(chip.write(tmp_path / "S1"))
    assert section.genes.tolist() == ["G0", "G1", "G2", "G3"]
    kept = [code for code in chip.codes if code not in glass]
    assert section.spots.tolist() == kept
    counts = pd.DataFrame(chip.counts[:, :4], index=chip.codes)
    np.testing.assert_array_equal(section.totals, counts.loc[kept].sum(axis=1))
    assert section.notes == (
        "5 of 18 spots of S1 outside the tissue left out",
        "features of S1 that are no genes left out: 2 Antibody Capture",
    )
    assert section.obs["array_row"].tolist() == (
        chip.positions.set_index("barcode").loc[kept, "array_row"].tolist()
    )


def test_barcodes_that_match_in_part(chip, tmp_path):
    folder = chip.write(tmp_path / "S1")
    spare = chip.positions["barcode"][15:].tolist()
    chip.positions = chip.positions[:15]
    chip.write_positions(folder / "spatial" / "tissue_positions.csv")
    section = read_visium(folder)
    check(section, chip, [code for code in chip.codes if code not in spare])
    assert "3 barcodes with counts of S1 without positions left out" in section.notes[0]
    chip.positions["barcode"] = chip.positions["barcode"].str.removesuffix("-1")
    chip.write_positions(folder / "spatial" / "tissue_positions.csv")
    assert read_visium(folder).n_spots == 15
    chip.positions["barcode"] = [f"T{code[1:]}" for code in chip.positions["barcode"]]
    chip.write_positions(folder / "spatial" / "tissue_positions.csv")
    with pytest.raises(InputError, match=r"(?s)of 18 barcodes with counts of S1.*such as"):
        read_visium(folder)


def test_repeated_symbols_and_ids(chip, tmp_path):
    chip.genes[1] = "G0"
    folder = chip.write(tmp_path / "S1")
    assert read_visium(folder).genes.tolist()[:3] == [
        f"G0-{chip.ids[0]}",
        f"G0-{chip.ids[1]}",
        "G2",
    ]
    assert read_visium(folder, gene_column="gene_ids").genes.tolist() == chip.ids


def test_stated_scale_first_and_disagreement_refused(chip, tmp_path):
    hd = {"microns_per_pixel": 2.0, "bin_size_um": 8.0, "spot_diameter_fullres": 4.0}
    assert read_section(chip.write(tmp_path / "a", **hd)).mpp == 2.0
    folder = chip.write(tmp_path / "b", microns_per_pixel=0.5)
    with pytest.raises(InputError, match=r"(?s)0.5 .Space Ranger: microns_per_pixel.*2 .derived"):
        read_section(folder)
    with pytest.raises(InputError, match=r"(?s)0.4 \(given\).*100 µm pitch.*65 µm spot"):
        read_section(chip.write(tmp_path / "c"), mpp=0.4)
    assert read_section(tmp_path / "c", mpp=0.4, mpp_from="file").mpp == pytest.approx(2.0)
    with pytest.raises(InputError, match="100 µm pitch"):  # the lattice is a measurement
        read_section(tmp_path / "c", mpp=0.4, mpp_from="given")
    (tmp_path / "c" / "spatial" / "scalefactors_json.json").unlink()
    with pytest.raises(InputError, match=r"(?s)pixel size of c is unknown.*pitch_um"):
        read_section(tmp_path / "c")
    assert read_section(tmp_path / "c", mpp=2.1).mpp == 2.1
    assert read_section(tmp_path / "c", pitch_um=100).mpp == pytest.approx(2.0)


def test_bins_of_visium_hd_are_spots(chip, tmp_path):
    """A square grid of bins of 8 µm at 0.25 µm per pixel: 32 px apart."""
    row, column = np.divmod(np.arange(18), 6)
    names = [f"s_008um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)]
    chip.codes = names[::-1]
    chip.positions = chip.positions.assign(
        barcode=names, pxl_row_in_fullres=row * 32.0, pxl_col_in_fullres=column * 32.0
    )
    folder = tmp_path / "S1" / "outs" / "binned_outputs" / "square_008um"
    chip.write_h5(folder / "filtered_feature_bc_matrix.h5")
    chip.write_positions(folder / "spatial" / "tissue_positions.parquet")
    facts = {"microns_per_pixel": 0.25, "bin_size_um": 8.0, "spot_diameter_fullres": 32.0}
    chip.write_factors(folder / "spatial" / "scalefactors_json.json", **facts)
    for path in (tmp_path / "S1", folder):
        section = read_section(path)
        check(section, chip)
        assert (section.slide, section.mpp) == ("S1", 0.25)


def test_positions_alone_need_no_counts(chip, tmp_path):
    folder = chip.write(tmp_path / "S1")
    chip.positions.loc[:2, "in_tissue"] = 0
    chip.write_positions(folder / "spatial" / "tissue_positions.csv")
    (folder / "filtered_feature_bc_matrix.h5").unlink()
    with pytest.warns(UserWarning, match="3 of 18 spots of tissue_positions.csv outside"):
        spots = read_positions(folder, slide="q")
    assert spots.spots.tolist() == chip.positions["barcode"][3:].tolist()
    np.testing.assert_allclose(spots.xy, chip.xy[3:])
    assert spots.mpp == pytest.approx(2.0)
    listed = chip.write_positions(tmp_path / "tissue_positions_list.csv", header=False)
    with pytest.warns(UserWarning, match="3 of 18 spots"):
        alone = read_positions(listed, slide="q", mpp=2)
    assert alone.spots.tolist() == spots.spots.tolist()
    np.testing.assert_allclose(alone.xy, spots.xy)
    with pytest.raises(InputError, match="positions of spots and no counts"):
        read_section(folder)


def test_what_does_not_apply_is_refused(chip, tmp_path):
    folder = chip.write(tmp_path / "S1")
    with pytest.raises(InputError, match="cannot be read with layer"):
        read_section(folder, layer="counts")
    with pytest.raises(InputError, match="cannot be read with scale"):
        read_section(folder, scale="log1p")
    assert read_section(folder, scale="counts").scale == "counts"


def test_not_a_space_ranger_folder(tmp_path):
    with pytest.raises(InputError, match="is not a Space Ranger output"):
        read_visium(tmp_path)


@pytest.mark.realdata
def test_real_muscle(data):
    section = read_section(data / "visium" / "Vis5A_2dpi")
    assert section.n_spots == 982
    assert section.expression.sum() > 1e6
    lattice, diameter = section.pixel_sizes
    assert lattice.mpp == pytest.approx(diameter.mpp, rel=0.02)  # 100 µm pitch and 65 µm spot
