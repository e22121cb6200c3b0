"""Any server of the OpenAI embeddings protocol: vLLM, Ollama, TEI, llama.cpp, hosted services."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialrag.errors import InputError
from spatialrag.progress import track
from spatialrag.semantics.embedder import require_vectors

_BUSY = {408, 409, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 30.0  # seconds


@dataclass(frozen=True)
class Endpoint:
    """``POST {url}/embeddings``.

    Parameters
    ----------
    url
        Up to ``/v1``, without ``/embeddings``.
    model
        As the server names it.
    revision
        Of the model, as you know it; servers do not tell. Part of what the cache is keyed by.
    dim
        Dimension expected; any when absent. It is asked for with ``ask_dim`` alone.
    ask_dim
        Whether to send ``dimensions`` (for models that can be shortened).
    key_variable
        Environment variable with the bearer token; none is sent when it is unset.
    batch
        Texts per request.
    tries
        Per request, when the server is busy, rate-limited or cannot be reached.
    wait
        Seconds before the second try, doubled for each further one; the server's Retry-After
        goes before it.
    timeout
        Seconds for one request.
    """

    url: str
    model: str
    revision: str = ""
    dim: int | None = None
    ask_dim: bool = False
    key_variable: str = "OPENAI_API_KEY"
    batch: int = 32
    tries: int = 5
    wait: float = 1.0
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")) or not self.model:
            raise InputError(
                "this is no embeddings endpoint",
                expected="http(s)://HOST/v1 and a model name",
                got=f"url {self.url!r}, model {self.model!r}",
            )
        if self.ask_dim and self.dim is None:
            raise InputError("ask_dim needs dim")
        if min(self.batch, self.tries) < 1:
            raise InputError("batch and tries must be at least 1")

    @property
    def identity(self) -> dict[str, object]:
        """Model, revision and dimension; the server's address is not part of what it computes."""
        return {
            "provider": "endpoint",
            "model": self.model,
            "revision": self.revision,
            "dim": self.dim,
        }

    def embed(self, texts: Sequence[str], *, instruction: str = "") -> np.ndarray:
        """Return one vector per text, (n, dim).

        Raises
        ------
        InputError
            The server cannot be reached, stays busy, refuses, or answers in part or with another
            dimension.
        """
        prefix = f"{instruction}\n" if instruction else ""
        starts = range(0, len(texts), self.batch)
        found: list[np.ndarray] = []
        for start in track(starts, label=self.model, total=len(starts)):
            part = [prefix + text for text in texts[start : start + self.batch]]
            found.append(self._ordered(self._ask(part), len(part)))
            if found[-1].shape[1] != found[0].shape[1]:
                raise InputError(f"{self.url} changed its dimension between requests")
        return np.concatenate(found) if found else np.empty((0, self.dim or 1), np.float32)

    def _ask(self, texts: list[str]) -> dict:
        body = {"model": self.model, "input": texts, "encoding_format": "float"}
        if self.ask_dim:
            body["dimensions"] = self.dim
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        address = self.url.rstrip("/") + "/embeddings"
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        for attempt in range(self.tries):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                fault = f"{error.code} {error.reason}: {error.read(500).decode(errors='replace')}"
                retry_after = error.headers.get("Retry-After", "")
                if error.code not in _BUSY:
                    raise InputError(f"{address} refused the request", got=fault) from error
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                fault, retry_after = str(error), ""
            except json.JSONDecodeError as error:
                raise InputError(f"{address} did not answer in JSON", got=str(error)) from error
            if attempt + 1 < self.tries:
                time.sleep(self._pause(attempt, retry_after))
        raise InputError(
            f"{address} did not answer after {self.tries} tries",
            got=fault,
            fix="start the server, or try again later; finished batches are kept in the cache",
        )

    def _pause(self, attempt: int, retry_after: str) -> float:
        asked = float(retry_after) if retry_after.isdigit() else self.wait * 2**attempt
        return min(asked, _LONGEST_WAIT)

    def _ordered(self, answer: dict, n_texts: int) -> np.ndarray:
        """Return vectors in the order asked for: servers may answer in another."""
        try:
            rows = {int(row["index"]): row["embedding"] for row in answer["data"]}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.url} answered in another form",
                expected="data: a list of {index, embedding}",
                got=str(answer)[:200],
            ) from error
        if sorted(rows) != list(range(n_texts)):
            raise InputError(
                f"{self.url} answered in part",
                expected=f"{n_texts} vectors",
                got=f"{len(rows)} with index {sorted(rows)[:5]}…",
            )
        lengths = {len(row) for row in rows.values()}
        if len(lengths) > 1 or (self.dim is not None and lengths != {self.dim}):
            raise InputError(
                f"{self.url} answered with another dimension",
                expected=str(self.dim or "the same for all"),
                got=", ".join(map(str, sorted(lengths))),
            )
        return require_vectors([rows[i] for i in range(n_texts)], n_texts, self.url)


def from_spec(where: str) -> Endpoint:
    """Return the endpoint of ``URL#MODEL``."""
    url, _, model = where.partition("#")
    return Endpoint(url, model)
