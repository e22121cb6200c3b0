"""Space Ranger output, version 1 and 2 position files."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.errors import InputError, listing
from spatialrag.expression.section import Section

_COLUMNS = [
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
]
SPOT_UM = 55.0


def read_visium(
    folder: str | Path, *, slide: str | None = None, donor: str | None = None
) -> Section:
    """Read a Space Ranger output folder (``outs``).

    Genes are symbols; repeated symbols get their Ensembl id appended. The pixel size is derived
    from the spot diameter that Space Ranger states (55 µm).

    Parameters
    ----------
    folder
        Holds ``*filtered_feature_bc_matrix.h5`` and ``spatial/``.
    slide, donor
        Names; the folder's name when not given.
    """
    folder = Path(folder)
    matrix, barcodes, genes = _read_matrix(_one(folder, "*filtered_feature_bc_matrix.h5"))
    positions = _read_positions(folder / "spatial")
    missing = [code for code in barcodes if code not in positions.index]
    keep = np.isin(barcodes, positions.index)
    found = positions.loc[barcodes[keep]]
    scale = json.loads((folder / "spatial" / "scalefactors_json.json").read_text())
    diameter = float(scale["spot_diameter_fullres"])
    return Section(
        slide=slide or folder.name,
        donor=donor or slide or folder.name,
        expression=matrix[keep],
        genes=genes,
        spots=barcodes[keep],
        xy=found[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(float),
        mpp=SPOT_UM / diameter,
        mpp_source=f"derived: {SPOT_UM:g} µm spot / {diameter:.2f} px",
        notes=(f"{len(missing)} barcodes without a position left out: {listing(missing)}",)
        * bool(missing),
    )


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise InputError(
            f"{folder} is not a Space Ranger output",
            expected=f"exactly one {pattern}",
            got=f"{len(found)} such files",
        )
    return found[0]


def _read_matrix(path: Path) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    with h5py.File(path) as file:
        group = file["matrix"]
        n_genes, n_spots = group["shape"][:]
        columns = (group["data"][:], group["indices"][:], group["indptr"][:])
        barcodes = group["barcodes"].asstr()[:]
        symbols = group["features/name"].asstr()[:]
        ids = group["features/id"].asstr()[:]
    genes = pd.Series(symbols)
    repeated = genes.duplicated(keep=False).to_numpy()
    genes[repeated] = [f"{s}-{i}" for s, i in zip(symbols[repeated], ids[repeated], strict=True)]
    matrix = sparse.csc_matrix(columns, shape=(n_genes, n_spots)).T.tocsr()
    return matrix, barcodes.astype(str), genes.to_numpy()


def _read_positions(spatial: Path) -> pd.DataFrame:
    # Space Ranger < 2 writes tissue_positions_list.csv without a header line.
    old, new = spatial / "tissue_positions_list.csv", spatial / "tissue_positions.csv"
    if new.exists():
        return pd.read_csv(new).set_index("barcode")
    if old.exists():
        return pd.read_csv(old, header=None, names=_COLUMNS).set_index("barcode")
    raise InputError(f"no spot positions in {spatial}", expected=f"{new.name} or {old.name}")
