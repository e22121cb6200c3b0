import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.bank.content import check_hashes, hash_part
from spatialrag.errors import InputError

ENTRY = {"donor": "d1", "mpp": 0.5, "hash": "any"}
ROWS = pd.DataFrame({"barcode": ["a", "b"], "x": [1.0, 2.0]}, index=["s:a", "s:b"])
GENES = np.array(["A", "B"])
VALUES = sparse.csr_matrix(np.array([[1, 0], [2, 3]], np.float32))


def hashed(entry=ENTRY, rows=ROWS, genes=GENES, expression=VALUES, **arrays):
    said = pd.Series(entry, dtype=object)
    return hash_part("s", said, rows, genes=genes, expression=expression, arrays=arrays)


def test_everything_counts():
    hashes = [
        hashed(),
        hashed(entry=ENTRY | {"donor": "d2"}),
        hashed(entry=ENTRY | {"source": "given"}),
        hashed(rows=ROWS.rename(index={"s:a": "s:c"})),
        hashed(rows=ROWS.assign(x=[1.0, 2.5])),
        hashed(rows=ROWS.assign(kind="cell")),
        hashed(genes=np.array(["A", "C"])),
        hashed(expression=VALUES * 2),
        hashed(vectors=np.ones((2, 2))),
        hashed(pictures=np.ones((2, 2))),
    ]
    assert len(set(hashes)) == len(hashes)
    assert all(found.startswith("2:") for found in hashes)


def test_what_is_absent_does_not_count():
    """So that joining with parts that state more leaves a part's hash as it is."""
    assert hashed(entry=ENTRY | {"hash": "other"}) == hashed()
    for nothing in (np.nan, None, "", pd.NA):
        assert hashed(entry=ENTRY | {"notes": nothing}) == hashed()
        assert hashed(rows=ROWS.assign(kind=nothing)) == hashed()
    assert hashed(vectors=None) == hashed()


def test_forms_that_mean_the_same_have_one_hash():
    assert hashed(rows=ROWS.astype({"barcode": "category"})) == hashed()
    assert hashed(rows=ROWS.astype({"barcode": "string"})) == hashed()
    assert hashed(rows=ROWS[["x", "barcode"]]) == hashed()
    assert hashed(entry=ENTRY | {"mpp": np.float32(0.5)}) == hashed()


def test_each_part_is_checked_by_the_rule_of_its_hash():
    recorded = pd.Series({"a": "2:one", "b": "two", "c": "2:three", "d": "four"})
    now, former = {"a": "2:one", "c": "2:other"}, {"b": "two", "d": "another"}
    with pytest.raises(InputError, match="(?s)bank.zarr: 2 faults.*slide 'c'.*slide 'd'"):
        check_hashes(recorded, now.get, former.get, part="slide", path="bank.zarr")
    check_hashes(recorded[["a", "b"]], now.get, former.get, part="slide", path="bank.zarr")
