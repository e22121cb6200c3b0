import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.expression.section import Section
from spatialrag.expression.values import as_matrix, check_values, holds_counts, matrices_with_counts

COUNTS = np.array([[3, 0, 1], [0, 2, 200]])


@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        sparse.csr_matrix,
        sparse.csc_matrix,
        sparse.coo_matrix,
        sparse.csr_array,
        pd.DataFrame,
        lambda v: v.astype(np.uint8),
        lambda v: v.astype(float),
        np.asfortranarray,
    ],
)
def test_any_form_of_a_matrix(form):
    np.testing.assert_array_equal(as_matrix(form(COUNTS), subject="X").toarray(), COUNTS)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_backed_by_a_file(tmp_path, form):
    ad.AnnData(form(COUNTS.astype("float32"))).write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    np.testing.assert_array_equal(as_matrix(backed.X, subject="X").toarray(), COUNTS)
    backed.file.close()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = COUNTS
        np.testing.assert_array_equal(as_matrix(file["x"], subject="X").toarray(), COUNTS)


@pytest.mark.parametrize(
    "values", [None, np.array([["a", "b"]]), np.array([[1j]]), np.ones(3), np.ones((2, 2, 2))]
)
def test_no_matrix_of_numbers(values):
    with pytest.raises(InputError, match="is empty|no matrix of numbers"):
        as_matrix(values, subject="X of 's'")


def matrix(values):
    return sparse.csr_matrix(np.asarray(values, np.float32))


@pytest.mark.parametrize(
    ("values", "scale", "message"),
    [
        ([[0.5, 1]], "counts", r"(?s)its scale is not stated.*fractions \(50%.*0.5, logarithms"),
        ([[-1, 1]], "counts", "negative"),
        ([[np.nan, 1]], "counts", "1 values of NaN"),
        ([[np.inf, 1]], "log1p", "NaN or inf"),
        ([[-0.5]], "log1p_cp10k", "negative"),
        ([[9.5, 1]], "log1p_cp10k", "end at 9.21"),
        ([[9.0, 9.0]], "log1p_cp10k", "add up to"),
        ([[1.0]], "tpm", "unknown expression scale"),
    ],
)
def test_values_that_are_not_on_their_scale(values, scale, message):
    with pytest.raises(InputError, match=message):
        check_values(matrix(values), scale=scale, subject="X")


def test_scanpys_own_normalization_is_accepted():
    scanpy = pytest.importorskip("scanpy")
    rng = np.random.default_rng(0)
    adata = ad.AnnData(sparse.csr_matrix(rng.poisson(1.0, (40, 300)).astype("float32")))
    scanpy.pp.normalize_total(adata, target_sum=1e4)
    scanpy.pp.log1p(adata)
    check_values(as_matrix(adata.X, subject="X"), scale="log1p_cp10k", subject="X")
    adata.X = np.expm1(adata.X.toarray()) * 100  # counts per million
    adata.X = np.log1p(adata.X)
    with pytest.raises(InputError, match=r"end at 9.21|add up to"):
        check_values(as_matrix(adata.X, subject="X"), scale="log1p_cp10k", subject="X")


def test_every_section_refuses_what_is_no_counts():
    logs = np.log1p(COUNTS.astype(float))
    with pytest.raises(InputError, match="scale is not stated"):
        Section("s", "d", logs, ["a", "b", "c"], ["x", "y"])
    assert Section("s", "d", logs, ["a", "b", "c"], ["x", "y"], scale="log1p").scale == "log1p"


def test_where_counts_seem_to_be():
    logs = np.log1p(COUNTS.astype(float))
    assert holds_counts(COUNTS)
    assert holds_counts(sparse.csr_matrix(COUNTS))
    assert not any(holds_counts(v) for v in (None, logs, -COUNTS, np.array([["a"]]), np.ones(0)))
    assert matrices_with_counts({"a": logs, "counts": COUNTS, "raw": COUNTS}) == "counts, raw"
