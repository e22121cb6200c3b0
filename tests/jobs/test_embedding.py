import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.embedding import EmbedRequest, embed
from spatialrag.jobs.slides import Slides


def test_each_slide_is_written_when_it_is_done(toy_table, toy_cache, toy_bank, tmp_path):
    request = EmbedRequest(
        Slides(toy_table, names=("toy1", "toy2")), tmp_path / "out", context=6, cache=toy_cache
    )
    done = embed(request)
    first = next(done)
    assert first.path == tmp_path / "out" / "toy1.npz"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["toy1.npz"]
    with np.load(first.path) as stored:
        np.testing.assert_array_equal(stored["embeddings"], toy_bank.embeddings_of("toy1").vectors)
        assert stored["barcodes"].tolist() == first.embeddings.spots.tolist()
    assert [each.path.name for each in done] == ["toy2.npz"]


def test_an_output_that_cannot_be_written(toy_table):
    with pytest.raises(InputError, match="it would be overwritten"):
        next(embed(EmbedRequest(Slides(toy_table), toy_table)))
