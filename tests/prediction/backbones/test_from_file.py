import pickle

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.from_file import FromFile
from spatialrag.slides.spots import Spots

GENES, NAMES = ["A", "B", "C"], ["s1", "s2"]
VALUES = np.array([[1.0, 2, 3], [4, 5, 6]], dtype=np.float32)
SPOTS = Spots("q", ["s2", "s1"], np.eye(2))


def write(path, kind):
    frame = pd.DataFrame(VALUES, NAMES, GENES)
    if kind == "h5ad":
        ad.AnnData(frame).write_h5ad(path)
    elif kind == "csv":
        frame.to_csv(path)
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "npy":
        np.save(path, VALUES)
    else:
        torch.save(torch.from_numpy(VALUES), path)


@pytest.mark.parametrize("kind", ["h5ad", "csv", "parquet", "npy", "pt"])
def test_formats_join_by_name_and_log2_becomes_ln(tmp_path, kind):
    path = tmp_path / f"p.{kind}"
    write(path, kind)
    names = {"genes": GENES, "spots": NAMES} if kind in ("npy", "pt") else {}
    model = FromFile(path, scale="log2p1", **names)
    assert model.scale == "log1p"
    assert model.genes.tolist() == GENES
    np.testing.assert_allclose(model.predict(SPOTS), VALUES[::-1] * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 4, 3), (8, 1, 3)])
def test_samples_are_averaged_per_spot(tmp_path, shape):
    samples = np.random.default_rng(0).random((2, 4, 3)).astype(np.float32)
    np.save(tmp_path / "p.npy", samples.reshape(shape))
    (tmp_path / "genes.txt").write_text("A\nB\nC\n")
    model = FromFile(
        tmp_path / "p.npy", scale="log1p", genes=tmp_path / "genes.txt", spots=NAMES, samples=4
    )
    np.testing.assert_allclose(model.predict(SPOTS), samples.mean(axis=1)[::-1], rtol=1e-6)


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_tensor_file_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save(Evil(), tmp_path / "p.pt")
    with pytest.raises(InputError, match="refused: loading it could execute code"):
        FromFile(tmp_path / "p.pt", scale="log1p", genes=GENES, spots=NAMES)
    (tmp_path / "q.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="refused"):
        FromFile(tmp_path / "q.pt", scale="log1p", genes=GENES, spots=NAMES)
    assert "executed" not in capsys.readouterr().out


def test_bad_files(tmp_path):
    path = tmp_path / "p.csv"
    write(path, "csv")
    with pytest.raises(InputError, match="scale of the predictions is unknown"):
        FromFile(path, scale="log2")
    with pytest.raises(InputError, match="does not exist"):
        FromFile(tmp_path / "no.csv", scale="log1p")
    other = Spots("q", ["s9"], np.zeros((1, 2)))
    with pytest.raises(InputError, match="1 of 1 spots of 'q' are not in p.csv: s9"):
        FromFile(path, scale="log1p").predict(other)
    pd.DataFrame(VALUES * np.nan, NAMES, GENES).to_csv(path)
    with pytest.raises(InputError, match="contains NaN|not numbers"):
        FromFile(path, scale="log1p")
    pd.DataFrame(VALUES, ["s1", "s1"], GENES).to_csv(path)
    with pytest.raises(InputError, match="duplicate spot names: s1"):
        FromFile(path, scale="log1p")
    np.save(tmp_path / "p.npy", VALUES)
    with pytest.raises(InputError, match="names neither genes nor spots"):
        FromFile(tmp_path / "p.npy", scale="log1p")
    with pytest.raises(InputError, match="wrong shape"):
        FromFile(tmp_path / "p.npy", scale="log1p", genes=GENES, spots=["s1", "s2", "s3"])


@pytest.mark.realdata
def test_real_stem_predictions(data):
    folder = data / "stem_predictions"
    spots = pd.read_csv(
        data / "her2st/data/ST-cnts/B1.tsv.gz", sep="\t", index_col=0, usecols=[0]
    ).index
    stem = FromFile(
        folder / "B1_stem_100genes_20samples.pt",
        scale="log2p1",
        genes=folder / "B1_stem_100genes.txt",
        spots=spots,
        samples=20,
    )
    values = stem.predict(Spots("B1", spots, np.zeros((295, 2))))
    assert values.shape == (295, 100)
    assert values.mean() / np.log(2) == pytest.approx(0.884, abs=0.001)
