import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.language_model import LanguageModel, embedding_from_spec, from_spec

TEXTS = ["Highly expressed genes: G1, G2,", "G3,", "Highly G5, G6, G7, G8,"]


def by_hand(folder, text, pooling):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(folder, dtype=torch.float32)(**tokens).last_hidden_state
    return (states.mean(dim=1) if pooling == "mean" else states[:, -1])[0].numpy()


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_pooling_of_padded_batches_is_that_of_single_texts(tiny_model, pooling):
    found = LanguageModel(tiny_model, pooling=pooling, chat=False).embed(TEXTS)
    assert found.shape == (3, 16)
    assert found.dtype == np.float32
    for row, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(row, by_hand(tiny_model, text, pooling), atol=1e-5)


def test_chat_turns_surround_the_text(tiny_model):
    found = LanguageModel(tiny_model, batch=1).embed(TEXTS[:1], instruction="Highly genes:")
    worded = f"<|system|> Highly genes: <end> <|user|> {TEXTS[0]} <end> <|assistant|>"
    np.testing.assert_allclose(found[0], by_hand(tiny_model, worded, "mean"), atol=1e-5)


def test_batches_do_not_change_vectors(tiny_model):
    one, all_at_once = (LanguageModel(tiny_model, batch=b).embed(TEXTS) for b in (1, 3))
    np.testing.assert_allclose(one, all_at_once, atol=1e-5)


def test_identity_tells_models_apart():
    assert from_spec("m").identity != embedding_from_spec("m").identity
    assert LanguageModel("m", revision="a").identity != LanguageModel("m", revision="b").identity


def test_absent_model_without_network(tmp_path):
    with pytest.raises(InputError, match=r"cannot be loaded(.|\n)*download"):
        LanguageModel(str(tmp_path / "absent"), offline=True).embed(["x"])


def test_too_long_text(tiny_model):
    with pytest.raises(InputError, match="too long"):
        LanguageModel(tiny_model, max_tokens=5).embed(TEXTS)


def test_model_without_chat_template(tiny_model, tmp_path):
    import shutil

    from transformers import AutoTokenizer

    folder = tmp_path / "plain"
    shutil.copytree(tiny_model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    for path in folder.glob("chat_template*"):
        path.unlink()
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match="chat=False"):
        LanguageModel(str(folder)).embed(["x"])


def test_unknown_pooling():
    with pytest.raises(InputError, match="mean, last"):
        LanguageModel("m", pooling="max")
