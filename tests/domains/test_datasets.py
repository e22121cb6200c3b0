"""On files of the layouts that the data sets come in, written here."""

import json

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

pytest.importorskip("torch")

from spatialrag.domains.datasets import read_dataset
from spatialrag.errors import InputError

BARCODES = np.array([f"AAAC-{i}" for i in range(6)])
COUNTS = np.random.default_rng(0).poisson(2, (6, 4)) + 1


def space_ranger(folder):
    (folder / "spatial").mkdir(parents=True)
    columns = sparse.csc_matrix(COUNTS.T)
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(columns, name)
        group["shape"] = columns.shape
        group["barcodes"] = BARCODES.astype("S")
        group["features/name"] = np.array(list("ABCD"), "S")
        group["features/id"] = np.array(list("abcd"), "S")
    rows = [f"{b},1,{i},{i},{100 * i},{50 * i}" for i, b in enumerate(BARCODES)]
    (folder / "spatial/tissue_positions_list.csv").write_text("\n".join(rows))
    scale = {"spot_diameter_fullres": 96.0}
    (folder / "spatial/scalefactors_json.json").write_text(json.dumps(scale))
    return folder


def table(column):
    """Annotations in another order, one missing, one of a spot that is not there."""
    names = [*BARCODES[::-1][:5], "absent-1"]
    values = [f"L{name[-1]}" for name in names]
    values[1] = ""
    return pd.DataFrame({"other": 1, column: values}, index=names)


EXPECTED = [None, "L1", "L2", "L3", None, "L5"]


def labels(found):
    return [x if isinstance(x, str) else None for x in found.obs["annotation"]]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        *[(f"dlpfc_{i}", "layer_guess") for i in (151508, 151509, 151510, 151671, 151672)],
        ("breast_cancer", "fine_annot_type"),
        ("mouse_brain_anterior", "ground_truth"),
    ],
)
def test_visium_annotations_are_joined_by_barcode(tmp_path, name, column):
    folder = space_ranger(tmp_path / "outs")
    table(column).to_csv(folder / "metadata.tsv", sep="\t")
    found = read_dataset(folder, name=name)
    np.testing.assert_array_equal(found.layers["counts"].toarray(), COUNTS)
    np.testing.assert_array_equal(found.obsm["spatial"][:, 0], 50 * np.arange(6))
    assert found.n_obs == 6
    assert labels(found) == EXPECTED


def test_truth_file_of_dlpfc(tmp_path):
    folder = space_ranger(tmp_path / "151508")
    lines = [f"{b}\tL{b[-1]}" for b in BARCODES[1:4]]
    (folder / "151508_truth.txt").write_text("\n".join(lines))
    found = read_dataset(folder, name="dlpfc_151508")
    assert found.obs["annotation"].notna().sum() == 3


def test_stereo_seq_counts_are_in_a_layer(tmp_path):
    made = ad.AnnData(np.log1p(COUNTS).astype(np.float32), obs=pd.DataFrame(index=BARCODES))
    made.layers["count"] = COUNTS
    made.obs["annotation"] = pd.Categorical(list("aabbcc"))
    made.obsm["spatial"] = np.arange(12.0).reshape(6, 2)
    made.write_h5ad(tmp_path / "E9.5_E1S1.MOSTA.h5ad")
    found = read_dataset(tmp_path / "E9.5_E1S1.MOSTA.h5ad", name="mouse_embryo")
    np.testing.assert_array_equal(found.layers["counts"].toarray(), COUNTS)


def test_starmap_places_are_in_columns(tmp_path):
    made = ad.AnnData(COUNTS.astype(np.float32), obs=pd.DataFrame(index=BARCODES))
    made.obs["X"], made.obs["Y"] = np.arange(6.0), 1.0
    made.obs["label"] = ["L1", "L2", "L3", "unlabelled", "L1", "L1"]
    made.write_h5ad(tmp_path / "s.h5ad")
    found = read_dataset(tmp_path / "s.h5ad", name="mouse_visual_cortex")
    np.testing.assert_array_equal(
        found.obsm["spatial"], np.column_stack([np.arange(6), np.ones(6)])
    )
    assert found.obs["annotation"].isna().sum() == 1


def test_bad_files(tmp_path):
    folder = space_ranger(tmp_path / "outs")
    with pytest.raises(InputError, match="no annotation"):
        read_dataset(folder, name="dlpfc_151508")
    strangers = table("layer_guess")
    strangers.index = [f"TTT-{i}" for i in range(6)]
    strangers.to_csv(folder / "metadata.tsv", sep="\t")
    with pytest.raises(InputError, match="no annotated barcode"):
        read_dataset(folder, name="dlpfc_151508")
    with pytest.raises(InputError, match="does not exist"):
        read_dataset(tmp_path / "no", name="dlpfc_151508")
    made = ad.AnnData(COUNTS.astype(np.float32))
    made.write_h5ad(tmp_path / "s.h5ad")
    with pytest.raises(InputError, match="no places"):
        read_dataset(tmp_path / "s.h5ad", name="mouse_visual_cortex")
    made.obsm["spatial"] = np.zeros((6, 2))
    made.write_h5ad(tmp_path / "s.h5ad")
    with pytest.raises(InputError, match="a column layer_guess"):
        read_dataset(tmp_path / "s.h5ad", name="mouse_visual_cortex")
