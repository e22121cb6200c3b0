import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError
from spatialrag.expression.h5ad import from_anndata
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


def test_layers_and_raw():
    made = adata(COUNTS.astype(float))
    made.raw = made
    made.layers["counts"] = sparse.csr_matrix(COUNTS * 2)
    made.X = np.log1p(made.X)
    with pytest.raises(
        InputError, match=r"(?s)give layer='counts'.*whole numbers are in counts, raw"
    ):
        section(made)
    np.testing.assert_array_equal(section(made, layer="raw").expression.toarray(), COUNTS)
    np.testing.assert_array_equal(section(made, layer="counts").expression.toarray(), COUNTS * 2)
    with pytest.raises(InputError, match=r"(?s)no layer 'spliced'.*counts, raw"):
        section(made, layer="spliced")


def test_raw_has_its_own_genes():
    """A .raw of all genes under an X of few, as scanpy leaves it."""
    made = adata(COUNTS.astype(float))
    made.raw = made.copy()
    few = made[:, ["B"]].copy()
    found = section(few, layer="raw")
    assert found.genes.tolist() == ["A", "B", "C"]
    np.testing.assert_array_equal(found.expression.toarray(), COUNTS)


def test_an_empty_x_names_the_layer(tmp_path):
    made = adata(None, layers={"counts": COUNTS})
    made.write_h5ad(tmp_path / "s.h5ad")
    with pytest.raises(InputError, match=r"(?s)X of s is empty.*layer='counts'"):
        read_section(tmp_path / "s.h5ad")
    assert read_section(tmp_path / "s.h5ad", layer="counts").totals.tolist() == [3, 203]


def test_predictions_are_refused_by_their_record(tmp_path):
    predicted = adata(COUNTS, uns={keys.RECORD: {"scale": "counts", "origin": "{}"}})
    with pytest.raises(InputError, match=r"(?s)holds a prediction.*X with a record"):
        section(predicted)
    weights = adata()
    weights.obsm[keys.WEIGHTS] = sparse.csr_matrix(np.eye(2))
    with pytest.raises(InputError, match="holds a prediction"):
        section(weights)
    bank = adata(uns={keys.RECORD: {"scale": "counts", "fingerprint": "f", "kind": "bank"}})
    with pytest.raises(InputError, match="is a bank of this package"):
        section(bank)


def test_a_record_belongs_to_its_layer():
    made = adata()
    made.layers["predicted"] = np.log1p(COUNTS)
    for record in (
        {"layer": "predicted", "scale": "log1p_cp10k", "slide": "s"},
        {"layers": {"predicted": {"scale": "log1p_cp10k", "slide": "s", "origin": "{}"}}},
    ):
        made.uns[keys.RECORD] = record
        found = section(made)
        assert found.scale == "counts"
        np.testing.assert_array_equal(found.expression.toarray(), COUNTS)
        with pytest.raises(InputError, match="holds a prediction"):
            section(made, layer="predicted")


def test_what_domains_prepared_is_read_from_its_layer():
    made = adata(COUNTS * 0.5, layers={"counts": COUNTS})
    made.uns[keys.RECORD] = {"scale": "counts", "min_spots": 10}
    with pytest.raises(InputError, match="does not hold counts"):
        section(made)
    assert section(made, layer="counts").totals.tolist() == [3, 203]
