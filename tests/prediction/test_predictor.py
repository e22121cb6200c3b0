from dataclasses import replace

import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.predictor import vectors_of
from spatialrag.slides.spots import Spots


def test_vectors_are_checked(references, queries):
    assert vectors_of(queries, references) is queries.vectors
    with pytest.raises(InputError, match="have no embeddings"):
        vectors_of(Spots("q", queries.spots, queries.xy), references)
    with pytest.raises(InputError, match="embedded differently"):
        vectors_of(replace(queries, encoder=replace(queries.encoder, context=0)), references)
