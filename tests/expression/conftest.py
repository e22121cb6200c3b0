"""Space Ranger output of a small tissue, in every layout it is found in."""

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

PITCH_PX = 50.0  # 100 µm: 2 µm per pixel
HEADER = [
    "barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres",
]  # fmt: skip


@dataclass
class Chip:
    """Spots of a hexagonal chip, their counts, and writers of each layout."""

    counts: np.ndarray
    codes: list[str]
    positions: pd.DataFrame
    genes: list[str] = field(default_factory=lambda: [f"G{i}" for i in range(6)])
    types: list[str] = field(default_factory=lambda: ["Gene Expression"] * 6)

    @property
    def ids(self) -> list[str]:
        return [f"ENSG{i:011d}" for i in range(len(self.genes))]

    @property
    def xy(self) -> np.ndarray:
        return self.positions[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()

    def write_h5(self, path: Path, *, old: bool = False, without: tuple[str, ...] = ()) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        matrix = sparse.csc_matrix(self.counts.T)
        with h5py.File(path, "w") as file:
            group = file.create_group("GRCh38" if old else "matrix")
            for name in ("data", "indices", "indptr"):
                group[name] = getattr(matrix, name)
            group["shape"] = np.array(matrix.shape)
            group["barcodes"] = np.array(self.codes, "S")
            names = {"id": self.ids, "name": self.genes, "feature_type": self.types}
            if old:
                group["genes"] = np.array(self.ids, "S")
                group["gene_names"] = np.array(self.genes, "S")
            for name, values in names.items():
                if not old and name not in without:
                    group[f"features/{name}"] = np.array(values, "S")
        return path

    def write_mtx(self, folder: Path, *, prefix: str = "", old: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        ending = "" if old else ".gz"
        with (gzip.open if ending else open)(folder / f"{prefix}matrix.mtx{ending}", "wb") as file:
            io.mmwrite(file, sparse.coo_matrix(self.counts.T))
        features = pd.DataFrame({"id": self.ids, "name": self.genes, "type": self.types})
        features = features.iloc[:, :2] if old else features
        name = "genes.tsv" if old else "features.tsv"
        options = {"sep": "\t", "header": False, "index": False}
        features.to_csv(folder / f"{prefix}{name}{ending}", **options)
        pd.Series(self.codes).to_csv(folder / f"{prefix}barcodes.tsv{ending}", **options)
        return folder

    def write_positions(self, path: Path, *, header: bool = True, sep: str = ",") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            self.positions.to_parquet(path, index=False)
        else:
            self.positions.to_csv(path, index=False, header=header, sep=sep)
        return path

    def write_factors(self, path: Path, **facts: float) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts or {"spot_diameter_fullres": 65 / 2, "tissue_hires_scalef": 0.1})
        with (gzip.open if path.suffix == ".gz" else open)(path, "wt") as file:
            file.write(text)
        return path

    def write(self, folder: Path, **facts: float) -> Path:
        """Write what Space Ranger 2 and later write."""
        self.write_h5(folder / "filtered_feature_bc_matrix.h5")
        self.write_positions(folder / "spatial" / "tissue_positions.csv")
        self.write_factors(folder / "spatial" / "scalefactors_json.json", **facts)
        return folder


@pytest.fixture
def chip() -> Chip:
    """18 spots x 6 genes; 2 µm per pixel."""
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.arange(18), 6)
    column = 2 * column + row % 2
    codes = ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in row]
    positions = pd.DataFrame(
        {
            "barcode": codes,
            "in_tissue": 1,
            "array_row": row,
            "array_col": column,
            "pxl_row_in_fullres": 40 + row * PITCH_PX * np.sqrt(3) / 2,
            "pxl_col_in_fullres": 30 + column * PITCH_PX / 2,
        }
    )
    positions = positions.sample(frac=1, random_state=1).reset_index(drop=True)
    return Chip(rng.poisson(3, (18, 6)) + 1, positions["barcode"].tolist()[::-1], positions)
