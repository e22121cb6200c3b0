import json

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.visium import read_visium

COUNTS = np.array([[1, 0, 2], [0, 3, 0], [4, 0, 0], [0, 1, 1]])  # spots x genes
CODES = ["AAA-1", "AAC-1", "AAG-1", "AAT-1"]


def write(folder, *, version):
    (folder / "spatial").mkdir(parents=True)
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(folder / "s_filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = np.array(matrix.shape)
        group["barcodes"] = np.array(CODES, "S")
        group["features/name"] = np.array(["G1", "G2", "G2"], "S")
        group["features/id"] = np.array(["E1", "E2", "E3"], "S")
    frame = pd.DataFrame(
        {
            "barcode": CODES[::-1][:3],  # another order, one absent
            "in_tissue": 1,
            "array_row": 0,
            "array_col": [0, 1, 2],
            "pxl_row_in_fullres": [10, 20, 30],
            "pxl_col_in_fullres": [100, 200, 300],
        }
    )
    name = "tissue_positions_list.csv" if version == 1 else "tissue_positions.csv"
    frame.to_csv(folder / "spatial" / name, index=False, header=version == 2)
    scale = {"spot_diameter_fullres": 110.0}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(scale))
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_both_position_files(tmp_path, version):
    section = read_visium(write(tmp_path / "outs", version=version))
    assert section.spots.tolist() == ["AAC-1", "AAG-1", "AAT-1"]
    assert section.xy.tolist() == [[300, 30], [200, 20], [100, 10]]
    assert section.genes.tolist() == ["G1", "G2-E2", "G2-E3"]
    np.testing.assert_array_equal(section.expression.toarray(), COUNTS[1:])
    assert section.mpp == pytest.approx(0.5)
    assert "AAA-1" in section.notes[0]


def test_not_a_space_ranger_folder(tmp_path):
    with pytest.raises(InputError, match="is not a Space Ranger output"):
        read_visium(tmp_path)


@pytest.mark.realdata
def test_real_muscle(data):
    section = read_visium(data / "visium" / "Vis5A_2dpi")
    assert section.n_spots == 982
    assert section.expression.sum() > 1e6
