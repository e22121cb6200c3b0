import h5py
import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.visium_matrix import read_matrix


@pytest.mark.parametrize("form", ["h5", "old h5", "mtx", "old mtx", "prefixed mtx"])
def test_every_form_of_counts(chip, tmp_path, form):
    if form.endswith("h5"):
        path = chip.write_h5(tmp_path / "m.h5", old="old" in form)
    else:
        prefix = "GSM1_" if "prefixed" in form else ""
        path = chip.write_mtx(tmp_path / "m", prefix=prefix, old="old" in form)
        path = path / f"{prefix}matrix.mtx.gz" if prefix else path
    matrix, barcodes, features = read_matrix(path)
    np.testing.assert_array_equal(matrix.toarray(), chip.counts)
    assert barcodes.tolist() == chip.codes
    assert features.index.tolist() == chip.genes
    assert features["gene_ids"].tolist() == chip.ids
    assert ("feature_types" in features) == ("old" not in form)


def test_features_as_far_as_they_are_named(chip, tmp_path):
    _, _, features = read_matrix(chip.write_h5(tmp_path / "a.h5", without=("id", "feature_type")))
    assert features.index.tolist() == chip.genes
    assert features.columns.tolist() == []
    _, _, features = read_matrix(chip.write_h5(tmp_path / "b.h5", without=("name",)))
    assert features.index.tolist() == chip.ids
    with pytest.raises(InputError, match="does not name its features"):
        read_matrix(chip.write_h5(tmp_path / "c.h5", without=("name", "id")))


def test_headers_and_transposed_matrices_of_others(chip, tmp_path):
    folder = chip.write_mtx(tmp_path / "m", old=True)
    for name, header in (("genes.tsv", "id\tname\n"), ("barcodes.tsv", "x\n")):
        (folder / name).write_text(header + (folder / name).read_text())
    np.testing.assert_array_equal(read_matrix(folder)[0].toarray(), chip.counts)
    chip.counts, plain = chip.counts.T, chip.counts
    chip.genes, chip.types = [f"G{i}" for i in range(6)], ["Gene Expression"] * 6
    turned = tmp_path / "t"
    turned.mkdir()
    from scipy import io, sparse

    io.mmwrite(turned / "matrix.mtx", sparse.coo_matrix(plain))
    for name in ("genes.tsv", "barcodes.tsv"):
        (turned / name).write_text((folder / name).read_text().partition("\n")[2])
    np.testing.assert_array_equal(read_matrix(turned)[0].toarray(), plain)


def test_damage_is_said(chip, tmp_path):
    path = chip.write_h5(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file["matrix/indices"][0] = 99
    with pytest.raises(InputError, match="cannot be read as a count matrix"):
        read_matrix(path)
    (tmp_path / "n.h5").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cut short or damaged"):
        read_matrix(tmp_path / "n.h5")
    (tmp_path / "h.h5").write_text("<!doctype html>")
    with pytest.raises(InputError, match="a web page"):
        read_matrix(tmp_path / "h.h5")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        for genome in ("GRCh38", "mm10"):
            file[f"{genome}/gene_names"] = np.array([b"A"])
    with pytest.raises(InputError, match="2 genomes"):
        read_matrix(tmp_path / "two.h5")
    folder = chip.write_mtx(tmp_path / "m")
    (folder / "barcodes.tsv.gz").unlink()
    with pytest.raises(InputError, match="no barcodes.tsv beside it"):
        read_matrix(folder)
    chip.codes = chip.codes[:-2]
    chip.write_mtx(tmp_path / "w")
    with pytest.raises(InputError, match="does not fit its names"):
        read_matrix(tmp_path / "w")
    (folder / "matrix.mtx.gz").write_bytes(b"\x1f\x8b\x08")
    with pytest.raises(InputError, match="Matrix Market"):
        read_matrix(folder)
