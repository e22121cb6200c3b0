import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.cells.census import CensusQuery
from spatialrag.errors import InputError
from spatialrag.jobs.cell_banks import (
    CellSources,
    DeconvolveRequest,
    add,
    build,
    deconvolve_slides,
    inspect,
    remove,
)
from spatialrag.jobs.slides import Slides


@pytest.fixture
def atlas(toy_bank, tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(2, (30, len(toy_bank.genes))).astype("float32")
    obs = pd.DataFrame({"cell_type": ["A", "B", "C"] * 10}, index=[f"c{i}" for i in range(30)])
    path = tmp_path / "atlas.h5ad"
    ad.AnnData(counts, obs, pd.DataFrame(index=toy_bank.genes)).write_h5ad(path)
    return path


def test_a_bank_grows_and_shrinks_to_the_same_bits(atlas, tmp_path):
    (tmp_path / "map.tsv").write_text("label\ttype\nA\tAB\nB\tAB\nC\t\n")
    sources = CellSources((f"mine={atlas}",), type_map=str(tmp_path / "map.tsv"))
    made = build(tmp_path / "cells.zarr", sources)
    assert made.notes == ("AB: merged from A, B", "left out: C")
    more = add(tmp_path / "cells.zarr", CellSources((f"more={atlas}",)))
    assert more.bank.n_cells == made.bank.n_cells + 30
    assert remove(tmp_path / "cells.zarr", ("more",)).bank.fingerprint == made.bank.fingerprint
    assert str(inspect(tmp_path / "cells.zarr").facts) == str(made.facts)  # NaN among them


def test_proportions_of_every_slide(atlas, toy_table, tmp_path):
    build(tmp_path / "cells.zarr", CellSources((str(atlas),)))
    slides = Slides(toy_table, names=("toy1", "toy2"))
    table, notes = deconvolve_slides(
        DeconvolveRequest(tmp_path / "cells.zarr", slides, tmp_path / "p.tsv")
    )
    assert notes == ()
    np.testing.assert_allclose(table.sum(axis=1), 1)
    written = pd.read_csv(tmp_path / "p.tsv", sep="\t", index_col=0)
    assert written.index.tolist() == table.index.tolist()
    with pytest.raises(InputError, match="ends in .csv or .tsv"):
        DeconvolveRequest(tmp_path / "cells.zarr", slides, tmp_path / "p.xlsx")


def test_faults_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="which cells"):
        CellSources()
    with pytest.raises(InputError, match="--per-type"):
        CellSources(census=CensusQuery(("breast",)))
    absent = CellSources(("a.h5ad", "n=b.h5ad"))
    with pytest.raises(InputError, match="a.h5ad, b.h5ad"):
        build(tmp_path / "cells.zarr", absent)
    with pytest.raises(InputError, match="--overwrite"):
        build(tmp_path, absent)
