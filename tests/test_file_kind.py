import gzip
import io
import json
import pickle
import zipfile

import anndata as ad
import h5py
import numpy as np
import pytest
from PIL import Image

from spatialrag.bank.store import read_bank, write_bank
from spatialrag.errors import InputError
from spatialrag.file_kind import kind_of, reading, refusal, require_file
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.store import read_prediction, write_prediction


def hdf5(path, *names, groups=()):
    with h5py.File(path, "w") as file:
        for name in names:
            file[name] = np.arange(3)
        for name in groups:
            file.create_group(name)
    return path.read_bytes()


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def picture(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (3, 3)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "text"),
        ("a,b\n".encode("utf-16"), "text"),
        (b"\n<!DOCTYPE html><html>", "html"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "pointer"),
        (b"/annex/objects/SHA256E-s1--0\n", "pointer"),
        (b"<?xml version='1.0'?><Error>", "xml"),
        (b"PAR1xxxx", "parquet"),
        (pickle.dumps([1]), "pickle"),
        (b"\x00\x01\x02\x03", "binary"),
        (b"X\n\x00\x00\x00\x03", "r"),
        (gzip.compress(b"X\n\x00\x00\x00\x03"), "r"),
        (gzip.compress(b"a,b\n"), "text"),
        (gzip.compress(b"a,b\n" * 100)[:25], "damaged"),
        (gzip.compress(b"\x89HDF\r\n\x1a\n"), "packed"),
        (zipped("xl/workbook.xml"), "excel"),
        (zipped("a.npy"), "npz"),
        (zipped("readme"), "packed"),
        (zipped("readme")[:40], "damaged"),
        (picture("PNG"), "image"),
        (picture("TIFF"), "image"),
        (b"%PDF-1.4", "pdf"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",  # archives carry the time
)
def test_by_content(tmp_path, content, key):
    path = tmp_path / "x.h5ad"
    path.write_bytes(content)
    assert kind_of(path).key == key
    assert key in ("text",) or kind_of(path).name in str(refusal(path, "an AnnData file"))


def test_kinds_of_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    for names, groups, key in (
        ((), ("obs", "var"), "h5ad"),
        ((), ("mod", "obs", "var"), "h5mu"),
        ((), ("row_attrs", "col_attrs"), "loom"),
        ((), ("assays",), "h5seurat"),
        (("img", "coords"), (), "patches"),
        (("features", "coords"), (), "vectors"),
        (("matrix/barcodes",), (), "10x"),
        (("GRCh38/gene_names", "GRCh38/genes"), (), "10x"),
        (("other",), (), "hdf5"),
    ):
        hdf5(path, *names, groups=groups)
        assert kind_of(path).key == key
    ad.AnnData(np.ones((1, 1))).write_h5ad(path)
    assert kind_of(path).key == "h5ad"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert kind_of(path).key == "damaged"


def test_errors_of_others_become_ours(tmp_path):
    path = tmp_path / "x.h5ad"
    path.write_text("<html>")
    with (
        pytest.raises(InputError, match=r"(?s)x.h5ad cannot be read.*a web page; KeyError: 'a'"),
        reading(path, "an AnnData file"),
    ):
        {}["a"]
    with pytest.raises(InputError, match="own"), reading(path, "an AnnData file"):
        raise InputError("own")
    with pytest.raises(MemoryError), reading(path, "an AnnData file"):
        raise MemoryError
    with pytest.raises(InputError, match="does not exist"), reading(tmp_path / "no", "text"):
        (tmp_path / "no").read_bytes()


def test_paths(tmp_path):
    assert kind_of(tmp_path).key == "folder"
    with pytest.raises(InputError, match="is a folder"):
        require_file(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        require_file(tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="a link to nothing"):
        require_file(tmp_path / "link")
    with pytest.raises(InputError, match="does not exist"):
        kind_of(tmp_path / "a")


def test_files_of_this_package_are_named(little_bank, tmp_path):
    write_bank(little_bank, tmp_path / "bank.zarr")
    assert kind_of(tmp_path / "bank.zarr").key == "store"
    with pytest.raises(InputError, match="a bank of this package"):
        read_prediction(tmp_path / "bank.zarr")
    assert kind_of(tmp_path).name == "a folder"


def test_nothing_of_a_store_is_decoded_to_tell_what_it_is(tmp_path):
    """An array whose codec is a pickle runs code when it is read."""
    kind = tmp_path / "uns" / "spatialrag" / "kind"
    kind.mkdir(parents=True)
    marker = tmp_path / "ran"

    class Code:
        def __reduce__(self):
            return (marker.touch, ())

    array = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "order": "C",
        "compressor": None, "fill_value": None, "filters": [{"id": "pickle"}],
    }  # fmt: skip
    (kind / ".zarray").write_text(json.dumps(array))
    (kind / "0").write_bytes(pickle.dumps(Code()))
    assert kind_of(tmp_path).key == "store"
    with pytest.raises(InputError, match="codec pickle"):
        read_bank(tmp_path)
    assert not marker.exists()


def test_a_prediction_given_as_a_bank_is_named(references, queries, tmp_path):
    made = GeneRAG(backbone="linear").fit(references).predict(queries)
    path = write_prediction(made, tmp_path / "p.h5ad")
    assert kind_of(path).name == "a prediction of this package"
    with pytest.raises(InputError, match="a prediction of this package"):
        read_bank(path)
