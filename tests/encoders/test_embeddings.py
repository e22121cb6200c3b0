import numpy as np
import pytest

from spatialrag.encoders.context import join_context
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


def test_own_vectors_are_those_before_context():
    own = make(np.array([[1, 2], [3, 4]], np.float32))
    record = EncoderRecord("e", "f", 4, 150.0, 6)
    vectors = join_context(own.vectors, np.array([[0.0, 0], [1, 0]]), n_neighbors=6)
    joined = Embeddings(vectors, own.slide, own.spots, own.xy, own.mpp, record)
    for found in (joined.without_context(), own.without_context()):
        np.testing.assert_array_equal(found.vectors, own.vectors)
        assert (found.encoder, found.encoder.own_dim) == (RECORD, 2)
