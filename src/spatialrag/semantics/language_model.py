"""A local causal language model whose hidden states are pooled (SemST: Qwen3-4B)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from spatialrag.compatibility import prepare_torchvision
from spatialrag.errors import InputError, MissingDependencyError, check_choice
from spatialrag.progress import track
from spatialrag.semantics.embedder import require_vectors

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Pooling = Literal["mean", "last"]
POOLINGS = get_args(Pooling)


@dataclass(frozen=True)
class LanguageModel:
    """Hidden states of the last layer, pooled over a text's tokens.

    Parameters
    ----------
    model
        Folder, or name on the hub.
    revision
        Commit of the hub; "" for the newest, and for folders.
    pooling
        ``mean`` over all tokens, prompt included (SemST's code), or the ``last`` token
        (embedding models such as Qwen3-Embedding).
    chat
        Whether texts are put into the model's chat template, the instruction as system turn.
    batch
        Texts per forward pass.
    max_tokens
        Longer texts are an error, never cut.
    offline
        Whether only what is on this machine may be used.
    device
        As torch names it.
    """

    model: str
    revision: str = ""
    pooling: Pooling = "mean"
    chat: bool = True
    batch: int = 8
    max_tokens: int = 2560
    offline: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_choice(self.pooling, POOLINGS, name="pooling")

    @property
    def identity(self) -> dict[str, object]:
        """Model, revision, pooling and whether chat turns surround the text."""
        keys = ("model", "revision", "pooling", "chat")
        return {"provider": "language_model", **{key: getattr(self, key) for key in keys}}

    def embed(self, texts: Sequence[str], *, instruction: str = "") -> np.ndarray:
        """Return one vector per text, (n, hidden size) float32.

        Raises
        ------
        InputError
            The model cannot be loaded, has no chat template, or a text is too long.
        """
        import torch

        tokenizer, model = self._loaded
        starts = range(0, len(texts), self.batch)
        found = []
        with torch.inference_mode():
            for start in track(starts, label="language model", total=len(starts)):
                part = [
                    self._worded(text, instruction) for text in texts[start : start + self.batch]
                ]
                tokens = tokenizer(part, return_tensors="pt", padding=True)
                if tokens["input_ids"].shape[1] > self.max_tokens:
                    raise InputError(
                        "a text is too long for the model",
                        expected=f"at most {self.max_tokens} tokens",
                        got=str(tokens["input_ids"].shape[1]),
                    )
                mask = tokens["attention_mask"].to(self.device)
                states = model(
                    input_ids=tokens["input_ids"].to(self.device), attention_mask=mask
                ).last_hidden_state.float()
                found.append(_pooled(states, mask, self.pooling).cpu().numpy())
        return require_vectors(np.concatenate(found), len(texts), self.model)

    def _worded(self, text: str, instruction: str) -> str:
        if not self.chat:
            return f"{instruction}\n{text}" if instruction else text
        tokenizer, _ = self._loaded
        turns = [{"role": "system", "content": instruction}] * bool(instruction)
        turns.append({"role": "user", "content": text})
        worded = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return str(worded)

    @cached_property
    def _loaded(self) -> "tuple[PreTrainedTokenizerBase, PreTrainedModel]":
        try:
            prepare_torchvision()
            import torch
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise MissingDependencyError(
                "transformers", extra="llm", needed_for="a local language model"
            ) from error
        where = {"revision": self.revision or None, "local_files_only": self.offline}
        try:
            # Left padding, so that the last position is every text's last token.
            tokenizer = AutoTokenizer.from_pretrained(self.model, padding_side="left", **where)
            model = AutoModel.from_pretrained(self.model, dtype=torch.float32, **where)
        except (OSError, ValueError) as error:
            raise InputError(
                f"the language model {self.model!r} cannot be loaded",
                expected="a folder (config, weights, tokenizer) or a name on a reachable hub",
                got=str(error).splitlines()[0],
                fix="download it where there is a network, and give the folder",
            ) from error
        if self.chat and not tokenizer.chat_template:
            raise InputError(
                f"the tokenizer of {self.model!r} has no chat template", fix="set chat=False"
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer, model.eval().to(self.device)


def _pooled(states: "torch.Tensor", mask: "torch.Tensor", pooling: Pooling) -> "torch.Tensor":
    if pooling == "last":
        return states[:, -1]
    weight = mask.unsqueeze(-1).to(states.dtype)
    return (states * weight).sum(dim=1) / weight.sum(dim=1)


def from_spec(where: str) -> LanguageModel:
    """Return the chat model of a folder or hub name, mean-pooled as SemST does."""
    return LanguageModel(where)


def embedding_from_spec(where: str) -> LanguageModel:
    """Return the embedding model of a folder or hub name: last token, no chat turns."""
    return LanguageModel(where, pooling="last", chat=False)
