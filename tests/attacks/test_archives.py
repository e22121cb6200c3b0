"""Single files: predictions, counts, vectors and bundles that were damaged on the way."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from attacking.cases import cases
from attacking.command import attempt, run
from attacking.files import damages
from hypothesis import given

from spatialrag.bank.store import read_bank
from spatialrag.encoders.vector_files import read_vectors
from spatialrag.errors import InputError
from spatialrag.expression.read import read_section


@cases(5)
@given(damage=damages(inner=False))
def test_a_damaged_prediction_is_refused_or_explained_alike(world, damage):
    explain = "--spot", "0x0", "--gene", "TOY0003"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.h5ad"
        path.write_bytes(damage.of(world.prediction.read_bytes()))
        outcome = attempt("explain", path, *explain, inputs=[path])
        if not outcome.refused:
            assert outcome.out == run("explain", world.prediction, *explain).out, damage


@cases(20)
@given(damage=damages(inner=False))
def test_damaged_counts_are_refused_or_the_same(world, damage):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toy3.h5ad"
        path.write_bytes(damage.of(world.counts.read_bytes()))
        try:
            found = read_section(path, slide="toy3", donor="d")
        except InputError:
            return
        whole = read_section(world.counts, slide="toy3", donor="d")
        assert (found.expression != whole.expression).nnz == 0, damage


def packed():
    """Vectors by the names of spots, in NumPy's archive."""
    out = io.BytesIO()
    names = np.array([f"s{i}" for i in range(9)])
    np.savez(out, embeddings=np.random.default_rng(0).normal(size=(9, 5)), barcodes=names)
    return out.getvalue()


@cases(60)
@given(damage=damages())
def test_damaged_vectors_are_refused_or_finite(damage):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.npz"
        path.write_bytes(damage.of(packed()))
        try:
            found = read_vectors(path)
        except InputError as error:
            assert path.name in str(error) or "vectors" in str(error)
            return
        assert len(found.vectors) == len(found.names)
        assert np.isfinite(found.vectors).all()


@pytest.fixture(scope="module")
def bundle(world):
    path = world.folder / "bundle.zip"
    outcome = run("datasets", "export", "hest-lung", world.bank, path)
    assert outcome.code == 0, str(outcome)
    return path


@cases(6)
@given(damage=damages())
def test_a_damaged_bundle_gives_no_bank_or_the_whole_one(world, bundle, damage):
    with tempfile.TemporaryDirectory() as folder:
        path, bank = Path(folder) / "b.zip", Path(folder) / "made.zarr"
        path.write_bytes(damage.of(bundle.read_bytes()))
        outcome = attempt("datasets", "import", path, bank, outputs=[bank], inputs=[path])
        if not outcome.refused:
            assert attempt("bank", "verify", bank).code == 0
            whole = read_bank(world.bank)
            assert (read_bank(bank).expression != whole.expression).nnz == 0, damage
