import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError
from spatialrag.expression.h5ad import from_anndata, read_h5ad, read_h5ad_spots
from spatialrag.expression.read import read_section

COUNTS = np.array([[2, 0, 1], [0, 3, 200]])
XY = np.array([[1.0, 2], [3, 4]])


def adata(values=COUNTS, **parts):
    obs = parts.pop("obs", pd.DataFrame(index=["a", "b"]))
    values = None if values is None else np.asarray(values)
    n = 3 if values is None else values.shape[1]
    var = parts.pop("var", pd.DataFrame(index=list("ABC")[:n]))
    return ad.AnnData(values, obs=obs, var=var, obsm={"spatial": XY}, **parts)


def section(made, **options):
    return from_anndata(made, **({"slide": "s", "donor": "d"} | options))


def test_uint8_counts_are_cast(tmp_path):
    adata(np.array([[200, 200], [1, 0]], np.uint8)).write_h5ad(tmp_path / "s.h5ad")
    found = read_h5ad(tmp_path / "s.h5ad")
    assert (found.slide, found.scale) == ("s", "counts")
    assert found.totals.tolist() == [400, 1]


def test_fractions_need_a_declared_scale():
    values = np.array([[0.5, 1.2], [0, 2.0]])
    with pytest.raises(InputError, match="scale is not stated"):
        section(adata(values))
    assert section(adata(values), scale="log1p").scale == "log1p"


def test_named_position_key():
    with pytest.raises(InputError, match=r"no obsm\['image_xy'\]"):
        section(adata([[1, 0], [0, 1]]), xy_key="image_xy")


def test_backed_by_its_file(tmp_path):
    for values in (COUNTS.astype(float), sparse.csr_matrix(COUNTS, dtype=float)):
        made = ad.AnnData(values, obs=pd.DataFrame(index=["a", "b"]), obsm={"spatial": XY})
        made.write_h5ad(tmp_path / "s.h5ad")
        backed = ad.read_h5ad(tmp_path / "s.h5ad", backed="r")
        np.testing.assert_array_equal(section(backed).expression.toarray(), COUNTS)
        backed.file.close()


def test_glass_is_left_out_unless_it_is_asked_for():
    made = adata(obs=pd.DataFrame({"in_tissue": ["True", "False"]}, index=["a", "b"]))
    found = section(made)
    assert found.spots.tolist() == ["a"]
    assert found.notes == ("1 of 2 spots of s outside the tissue left out",)
    assert section(made, glass=True).spots.tolist() == ["a", "b"]


def test_one_of_several_slides():
    made = adata(obs=pd.DataFrame({"library_id": ["l1", "l2"], "q": [1, 2]}, index=["a", "b"]))
    made.uns["spatial"] = {"l2": {"scalefactors": {"microns_per_pixel": 0.5}}}
    with pytest.raises(InputError, match="several slides"):
        section(made)
    found = section(made, library="l2")
    assert found.spots.tolist() == ["b"]
    assert found.obs["q"].tolist() == [2]
    assert found.xy.tolist() == [[3, 4]]
    assert found.pixel_sizes[0].mpp == 0.5
    assert section(made, slide="l1").spots.tolist() == ["a"]


def test_positions_alone_read_nothing_else(tmp_path):
    """Logarithms, a prediction, or no expression at all."""
    for values in (np.log1p(COUNTS), None):
        made = adata(values, uns={keys.RECORD: {"origin": "{}"}})
        made.write_h5ad(tmp_path / "s.h5ad")
        spots, notes, sizes = read_h5ad_spots(tmp_path / "s.h5ad", slide="q")
        assert (spots.slide, spots.spots.tolist(), spots.xy.tolist()) == (
            "q",
            ["a", "b"],
            XY.tolist(),
        )
        assert notes == sizes == ()
    del made.obsm["spatial"]
    made.write_h5ad(tmp_path / "s.h5ad")
    with pytest.raises(InputError, match=r"(?s)no positions of spots.*obsm\['spatial'\]"):
        read_h5ad_spots(tmp_path / "s.h5ad", slide="q")


def test_what_the_file_states_of_pixels():
    assert section(adata(uns={"um_per_px": 2.5})).pixel_sizes[0].mpp == 2.5
    for odd in ({"mpp": "large"}, {"mpp": -1.0}, {"mpp": np.ones(3)}, {"spatial": np.ones(2)}):
        assert section(adata(uns=odd)).pixel_sizes == ()


def test_a_zarr_store(tmp_path):
    adata().write_zarr(tmp_path / "s.zarr")
    found = read_section(tmp_path / "s.zarr")
    np.testing.assert_array_equal(found.expression.toarray(), COUNTS)
    assert found.slide == "s"


NAMES = st.lists(st.text(alphabet="ab1 ./:-\u00e9\x00\u202e", max_size=4), min_size=3, max_size=3)
CELLS = st.sampled_from([0.0, 1.0, 2.0, 2.5, -1.0, np.nan, np.inf, 1e38, 3e9])
COLUMN = st.lists(st.sampled_from(["A", "B", "", "nan", None, 1.0, np.nan]), min_size=3, max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=3, max_size=3),
    spots=NAMES,
    spatial=st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=3, max_size=3),
    column=COLUMN,
    name=st.sampled_from(["library_id", "in_tissue", "sample", "x"]),
    slide=st.text(alphabet="ab/:. ", max_size=4),
)
@pytest.mark.filterwarnings("ignore")
def test_hostile_files(values, spots, spatial, column, name, slide):
    """The counts as they are, or an `InputError`; nothing else."""
    width = min(len(row) for row in spatial)
    made = ad.AnnData(
        np.array(values),
        obs=pd.DataFrame({name: pd.Series(column, dtype=object).to_numpy()}, index=spots),
        var=pd.DataFrame(index=["G", "H"]),
        obsm={"spatial": np.array([row[:width] for row in spatial])},
    )
    try:
        found = from_anndata(made, slide=slide or None, donor="d", file="f")
    except InputError:
        return
    kept = pd.DataFrame(values, index=[spot.strip() for spot in spots]).loc[found.spots]
    np.testing.assert_array_equal(found.expression.toarray(), kept.to_numpy(np.float32))
    assert np.isfinite(found.xy).all()
    assert (kept.to_numpy() % 1 == 0).all()
