import anndata as ad
import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.gene_vectors import GeneVectors
from spatialrag.semantics.table import read_gene_vectors, write_gene_vectors

GENES = np.array(["A", "B", "C"])
VALUES = np.arange(6, dtype=np.float32).reshape(3, 2)


def write(path, kind):
    if kind == "npz":
        write_gene_vectors(GeneVectors(GENES, VALUES), path)
    elif kind == "h5ad":
        ad.AnnData(VALUES, obs=pd.DataFrame(index=GENES)).write_h5ad(path)
    else:
        pytest.importorskip("pyarrow")
        frame = pd.DataFrame(VALUES, index=GENES, columns=["0", "1"])
        (frame if kind == "parquet" else frame.reset_index(names="gene")).to_parquet(path)


@pytest.mark.parametrize("kind", ["npz", "h5ad", "parquet", "parquet with a column"])
def test_every_format_gives_the_same(tmp_path, kind):
    path = tmp_path / f"vectors.{kind.split()[0]}"
    write(path, kind)
    found = read_gene_vectors(path)
    assert list(found.genes) == list(GENES)
    np.testing.assert_array_equal(found.vectors, VALUES)
    assert found.record["file"] == path.name
    assert list(tmp_path.iterdir()) == [path]


def test_pickles_are_refused(tmp_path):
    (tmp_path / "v.pickle").write_bytes(b"")
    with pytest.raises(InputError, match="pickles are refused"):
        read_gene_vectors(tmp_path / "v.pickle")
    np.savez(tmp_path / "o.npz", genes=np.array(["A", 1], object), vectors=np.ones((2, 1)))
    with pytest.raises(InputError, match="gene vectors"):
        read_gene_vectors(tmp_path / "o.npz")


def test_other_content(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_gene_vectors(tmp_path / "no.npz")
    np.savez(tmp_path / "v.npz", a=np.ones(2))
    with pytest.raises(InputError, match="arrays genes"):
        read_gene_vectors(tmp_path / "v.npz")
    pytest.importorskip("pyarrow")
    pd.DataFrame(np.ones((2, 2)), columns=["0", "1"]).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(InputError, match="which gene a row is"):
        read_gene_vectors(tmp_path / "v.parquet")
