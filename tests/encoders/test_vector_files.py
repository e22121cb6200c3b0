import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from spatialrag.encoders.encoder import make_encoder
from spatialrag.encoders.vector_files import read_vectors
from spatialrag.errors import InputError
from spatialrag.slides.spots import Spots

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(6, 4)).astype("float32")
CORNERS = np.array([[x, y] for x in (0, 512, 1024) for y in (0, 512)])
NAMES = np.array(["a", "b", "c", "d", "e", "f"])


def write_h5(path, *, attributes=(), **arrays):
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        if "coords" in arrays:
            file["coords"].attrs.update(dict(attributes))
    return path


def test_trident(tmp_path):
    path = write_h5(
        tmp_path / "s.h5",
        features=VECTORS[None],
        coords=CORNERS,
        attributes={"patch_size": 256, "patch_size_level0": 512, "target_magnification": 20},
    )
    found = read_vectors(path)
    np.testing.assert_array_equal(found.centres, CORNERS + 256)
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert found.side == 512


@pytest.mark.parametrize(
    ("attributes", "side"),
    [
        ({"patch_size": 256, "patch_level": 0}, 256),
        ({"patch_size": 256, "patch_level": 1, "downsample": [4.0, 4.0]}, 1024),
    ],
)
def test_clam(tmp_path, attributes, side):
    path = write_h5(tmp_path / "s.h5", features=VECTORS, coords=CORNERS, attributes=attributes)
    found = read_vectors(path)
    assert found.side == side
    np.testing.assert_array_equal(found.centres, CORNERS + side / 2)


def test_clam_tensor_with_its_coordinates_beside_it(tmp_path):
    torch = pytest.importorskip("torch")
    (tmp_path / "pt_files").mkdir()
    torch.save(torch.from_numpy(VECTORS), tmp_path / "pt_files" / "s.pt")
    with pytest.raises(InputError, match="which tile a vector is of"):
        read_vectors(tmp_path / "pt_files" / "s.pt")
    write_h5(tmp_path / "h5_files" / "s.h5", features=VECTORS, coords=CORNERS)
    with pytest.raises(InputError, match="how large its tiles are"):
        read_vectors(tmp_path / "pt_files" / "s.pt")
    stated = {"patch_size": 512, "patch_level": 0}
    write_h5(tmp_path / "patches" / "s.h5", coords=CORNERS, attributes=stated)
    found = read_vectors(tmp_path / "pt_files" / "s.pt")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert found.side == 512
    torch.save(torch.nn.Linear(1, 1), tmp_path / "pt_files" / "s.pt")
    with pytest.raises(InputError, match="could execute code"):
        read_vectors(tmp_path / "pt_files" / "s.pt")
    torch.save(torch.ones(3, 4), tmp_path / "pt_files" / "s.pt")
    with pytest.raises(InputError, match="of different tiles"):
        read_vectors(tmp_path / "pt_files" / "s.pt")


def test_hest_bench(tmp_path):
    barcodes = NAMES.astype("S")[:, None]
    path = write_h5(tmp_path / "s.h5", embeddings=VECTORS, barcodes=barcodes, coords=CORNERS)
    found = read_vectors(path)
    assert found.names.tolist() == NAMES.tolist()
    np.testing.assert_array_equal(found.vectors, VECTORS)


def test_tables_arrays_and_anndata(tmp_path):
    np.savez(tmp_path / "a.npz", embeddings=VECTORS, barcodes=NAMES)
    pd.DataFrame(VECTORS, NAMES).to_csv(tmp_path / "a.csv")
    adata = ad.AnnData(VECTORS, pd.DataFrame(index=NAMES), obsm={"spatial": CORNERS + 256.0})
    adata.write_h5ad(tmp_path / "a.h5ad")
    for name in ("a.npz", "a.csv", "a.h5ad"):
        found = read_vectors(tmp_path / name)
        assert found.names.tolist() == NAMES.tolist()
        np.testing.assert_allclose(found.vectors, VECTORS, rtol=1e-6)
    np.savez(tmp_path / "b.npz", wrong=VECTORS)
    with pytest.raises(InputError, match="no keyed vectors"):
        read_vectors(tmp_path / "b.npz")
    with pytest.raises(InputError, match="holds no vectors"):
        read_vectors(write_h5(tmp_path / "b.h5", coords=CORNERS))


def write_store(path, names):
    """A LazySlide store as far as vectors go: tables, and tiles as polygons."""
    shapely = pytest.importorskip("shapely")
    pytest.importorskip("pyarrow")
    tile_id = np.array([7, 3, 5, 1, 0, 2])
    for name in names:
        adata = ad.AnnData(VECTORS, pd.DataFrame({"tile_id": tile_id}, NAMES))
        adata.uns["spatialdata_attrs"] = {"region": "tiles", "instance_key": "tile_id"}
        (path / "tables").mkdir(parents=True, exist_ok=True)
        adata.write_zarr(path / "tables" / name)
    boxes = shapely.box(*CORNERS.T, *(CORNERS + 512).T)
    order = np.array([2, 0, 1, 5, 4, 3])
    frame = pd.DataFrame({"tile_id": tile_id, "geometry": shapely.to_wkb(boxes)}).iloc[order]
    (path / "shapes" / "tiles").mkdir(parents=True)
    frame.to_parquet(path / "shapes" / "tiles" / "shapes.parquet")


def test_lazyslide_store(tmp_path):
    write_store(tmp_path / "s.zarr", ["uni_tiles"])
    found = read_vectors(tmp_path / "s.zarr")
    np.testing.assert_array_equal(found.centres, CORNERS + 256)
    assert found.side == 512
    spots = Spots("s", ["x", "y"], np.array([[300.0, 800], [1300, 200]]))
    encoder = make_encoder(f"precomputed:{tmp_path}")
    np.testing.assert_array_equal(encoder.lookup(spots), VECTORS[[1, 4]])


def test_lazyslide_store_with_several_tables(tmp_path):
    write_store(tmp_path / "s.zarr", ["uni_tiles", "conch_tiles"])
    with pytest.raises(InputError, match="several tables[\\s\\S]*conch_tiles, uni_tiles"):
        make_encoder(f"precomputed:{tmp_path}")
    assert make_encoder(f"precomputed:{tmp_path}#uni_tiles").name == "uni_tiles"


@pytest.mark.parametrize("suffix", [".h5", ".npz", ".h5ad", ".csv", ".parquet", ".zarr"])
@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html>", b"version https://git-lfs", b"\x00\x01"]
)
def test_files_of_another_kind(tmp_path, suffix, content):
    path = tmp_path / f"s{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"s{suffix}"):
        read_vectors(path)


def test_vectors_that_cannot_be_joined(tmp_path):
    np.savez(tmp_path / "s.npz", embeddings=VECTORS, barcodes=np.resize(NAMES[:3], 6))
    with pytest.raises(InputError, match="duplicate spot names: a"):
        read_vectors(tmp_path / "s.npz")
    np.savez(tmp_path / "s.npz", embeddings=VECTORS, barcodes=NAMES[:3])
    with pytest.raises(InputError, match="3 names for 6 vectors"):
        read_vectors(tmp_path / "s.npz")
    np.savez(tmp_path / "s.npz", embeddings=VECTORS.astype(str), barcodes=NAMES)
    with pytest.raises(InputError, match="must be numbers"):
        read_vectors(tmp_path / "s.npz")
    frame = pd.DataFrame(VECTORS.astype(str), index=NAMES)
    frame.iloc[2, 1] = "wide"
    frame.to_csv(tmp_path / "s.csv")
    with pytest.raises(InputError, match=r"(?s)not numbers.*'wide' in row 'c'"):
        read_vectors(tmp_path / "s.csv")


def test_vectors_that_are_not_finite(tmp_path):
    odd = VECTORS.copy()
    odd[1] = np.nan
    np.savez(tmp_path / "s.npz", embeddings=odd, barcodes=NAMES)
    assert np.isnan(read_vectors(tmp_path / "s.npz").vectors[1]).all()  # a spot without one
    for value in (np.nan, np.inf):
        odd[2, 1] = value
        np.savez(tmp_path / "s.npz", embeddings=odd, barcodes=NAMES)
        with pytest.raises(InputError, match="NaN or inf"):
            read_vectors(tmp_path / "s.npz")


def test_names_stay_text(tmp_path):
    names = ["007", "1e2", "NA", "1", "2", "3"]
    pd.DataFrame(VECTORS, index=names).to_csv(tmp_path / "s.csv")
    assert read_vectors(tmp_path / "s.csv").names.tolist() == names


@pytest.mark.parametrize("shape", [(0, 4), (6, 0), (0, 0)])
def test_no_vectors_are_none(tmp_path, shape):
    path = write_h5(tmp_path / "s.h5", features=np.empty(shape, "float32"), barcodes=[])
    with pytest.raises(InputError, match="vectors are empty"):
        read_vectors(path)
