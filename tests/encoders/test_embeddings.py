import numpy as np
import pytest

from spatialrag.encoders.embeddings import Embeddings, EncoderRecord
from spatialrag.errors import InputError

RECORD = EncoderRecord("e", "f", 2, 150.0, 0)


def make(vectors):
    return Embeddings(vectors, "s", np.array(["a", "b"]), np.zeros((2, 2)), 0.5, RECORD)


def test_bad_vectors():
    with pytest.raises(InputError, match=r"wrong shape"):
        make(np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"(?s)NaN or inf in 1 spots.*first: b"):
        make(np.array([[0, 0], [np.inf, 0]]))
