import h5py
import numpy as np
import pandas as pd
import pytest

from spatialrag.encoders.embed import embed
from spatialrag.encoders.precomputed import Precomputed, from_spec
from spatialrag.errors import InputError
from spatialrag.slides.spots import Spots

SPOTS = Spots("s1", ["b", "a"], np.array([[0.0, 0], [1, 1]]))
VALUES = np.array([[1.0, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("kind", ["h5", "npz", "csv"])
def test_joined_by_name(tmp_path, kind):
    if kind == "h5":
        with h5py.File(tmp_path / "s1.h5", "w") as file:
            file["embeddings"] = VALUES
            file["barcodes"] = np.array(["a", "b"], "S")
    elif kind == "npz":
        np.savez(tmp_path / "s1.npz", embeddings=VALUES, barcodes=np.array(["a", "b"]))
    else:
        pd.DataFrame(VALUES, index=["a", "b"]).to_csv(tmp_path / "s1.csv")
    result = embed(SPOTS, encoder=f"precomputed:{tmp_path}", context=0)
    np.testing.assert_array_equal(result.vectors, VALUES[::-1])
    assert result.mpp is None


def test_what_is_missing_is_named(tmp_path):
    encoder = Precomputed({"s1": (np.array(["a"]), VALUES[:1])})
    with pytest.raises(InputError, match="1 of 2 spots .* no precomputed vector: b"):
        encoder.lookup(SPOTS)
    with pytest.raises(InputError, match="no precomputed vectors for slide 's1'"):
        Precomputed({"other": (np.array(["a"]), VALUES[:1])}).lookup(SPOTS)
    with pytest.raises(InputError, match="no precomputed vectors in"):
        from_spec(str(tmp_path))
    np.savez(tmp_path / "s1.npz", wrong=VALUES)
    with pytest.raises(InputError, match="no keyed vectors"):
        from_spec(str(tmp_path))
