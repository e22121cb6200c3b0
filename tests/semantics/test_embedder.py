import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.embedder import embedder_of, require_vectors
from spatialrag.semantics.endpoint import Endpoint
from spatialrag.semantics.language_model import LanguageModel


def test_specifications_name_embedders():
    assert embedder_of("endpoint:http://localhost:8000/v1#qwen") == Endpoint(
        "http://localhost:8000/v1", "qwen"
    )
    assert embedder_of("language_model:some/dir").pooling == "mean"
    assert embedder_of("embedding_model:some/dir") == LanguageModel(
        "some/dir", pooling="last", chat=False
    )
    assert embedder_of("sentence_transformers:dir").model == "dir"


def test_unknown_name_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean 'minilm'"):
        embedder_of("minilmm")


def test_vectors_that_do_not_fit_are_refused():
    assert require_vectors([[1, 2], [3, 4]], 2, "x").dtype == np.float32
    with pytest.raises(InputError, match="another shape"):
        require_vectors(np.ones((3, 2)), 2, "x")
    with pytest.raises(InputError, match="NaN"):
        require_vectors([[np.nan, 1]], 1, "x")
