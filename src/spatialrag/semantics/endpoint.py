"""Any server of the OpenAI embeddings protocol: vLLM, Ollama, TEI, llama.cpp, hosted services."""

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialrag.errors import InputError
from spatialrag.progress import track
from spatialrag.semantics.embedder import require_vectors
from spatialrag.web import UnreachableError, ask
from spatialrag.web_address import check_address, clean, show_address

_BUSY = {408, 409, 425, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 30.0  # seconds
_LARGEST = 1 << 20  # bytes of an answer for each text: 50,000 numbers


@dataclass(frozen=True)
class Endpoint:
    """``POST {url}/embeddings``.

    Parameters
    ----------
    url
        Up to ``/v1``, without ``/embeddings``; https, or http on this machine. Redirects are not
        followed: a key is sent to the server that was named and to no other.
    model
        As the server names it.
    revision
        Revision of the model, as you know it; servers do not tell. Part of what the cache is keyed
        by.
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
        Seconds until the whole answer to one request is here.
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
        check_address(self.url, subject="the embeddings endpoint")
        if not (math.isfinite(self.timeout) and self.timeout > 0 and self.wait >= 0):
            raise InputError("timeout must be positive, and wait not negative")
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
                raise InputError(f"{show_address(self.url)} changed its dimension between requests")
        return np.concatenate(found) if found else np.empty((0, self.dim or 1), np.float32)

    def _ask(self, texts: list[str]) -> Any:
        """Return what the server answers, parsed; busy servers are asked again."""
        body: dict[str, object] = {"model": self.model, "input": texts, "encoding_format": "float"}
        if self.ask_dim:
            body["dimensions"] = self.dim
        headers = {"Content-Type": "application/json"} | self._authorization()
        address = self.url.rstrip("/") + "/embeddings"
        shown = show_address(address)
        for attempt in range(self.tries):
            retry_after = ""
            try:
                answer = ask(
                    address,
                    subject=shown,
                    data=json.dumps(body).encode(),
                    headers=headers,
                    timeout=self.timeout,
                    limit=_LARGEST * (len(texts) + 1),
                )
            except UnreachableError as error:
                fault = str(error)
            else:
                if answer.status == 200:
                    return self._parse(answer.body, shown)
                fault = self._told(f"{answer.status} {answer.reason}: ", answer.body)
                retry_after = answer.headers.get("retry-after", "")
                if 300 <= answer.status < 400:
                    raise InputError(
                        f"{shown} leads elsewhere, where neither texts nor keys are sent",
                        got=f"{answer.status} to "
                        + show_address(answer.headers.get("location", "no address")),
                        fix="name the address of the server itself",
                    )
                if answer.status not in _BUSY:
                    raise InputError(f"{shown} refused the request", got=fault)
            if attempt + 1 < self.tries:
                time.sleep(self._pause(attempt, retry_after))
        raise InputError(
            f"{shown} did not answer after {self.tries} tries",
            got=fault,
            fix="start the server, or try again later; finished batches are kept in the cache",
        )

    def _authorization(self) -> dict[str, str]:
        key = os.environ.get(self.key_variable)
        if not key:
            return {}
        if not key.isascii() or not key.isprintable():
            raise InputError(
                f"the key in {self.key_variable} holds characters that no key has",
                fix="set it again, without line breaks and blanks",
            )
        return {"Authorization": f"Bearer {key}"}

    def _told(self, what: str, body: bytes) -> str:
        """Return a server's own words for a message; some repeat the key they were sent."""
        key = os.environ.get(self.key_variable, "")
        return clean(what + body.decode(errors="replace"), [key])

    def _parse(self, body: bytes, shown: str) -> object:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown} did not answer in JSON", got=self._told("", body[:1000])
            ) from error

    def _pause(self, attempt: int, retry_after: str) -> float:
        said = retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 9
        asked = float(retry_after) if said else self.wait * 2**attempt
        return min(asked, _LONGEST_WAIT)

    def _ordered(self, answer: Any, n_texts: int) -> np.ndarray:
        """Return vectors in the order asked for: servers may answer in another."""
        try:
            found = [(row["index"], np.asarray(row["embedding"])) for row in answer["data"]]
            rows = dict(found)
            if len(rows) < len(found) or not all(type(index) is int for index in rows):
                raise ValueError("an index that is no number, or twice")
            if any(row.ndim != 1 or row.dtype.kind not in "iuf" for row in rows.values()):
                raise ValueError("vectors that are no lists of numbers")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{show_address(self.url)} answered in another form",
                expected="data: a list of {index, embedding}",
                got=self._told("", json.dumps(answer)[:1000].encode()),
            ) from error
        if sorted(rows) != list(range(n_texts)):
            raise InputError(
                f"{show_address(self.url)} answered in part",
                expected=f"{n_texts} vectors",
                got=f"{len(rows)} with index {sorted(rows)[:5]}…",
            )
        lengths = {len(row) for row in rows.values()}
        if len(lengths) > 1 or (self.dim is not None and lengths != {self.dim}) or 0 in lengths:
            raise InputError(
                f"{show_address(self.url)} answered with another dimension",
                expected=str(self.dim or "the same for all"),
                got=", ".join(map(str, sorted(lengths))),
            )
        vectors = np.stack([rows[i] for i in range(n_texts)])
        return require_vectors(vectors, n_texts, show_address(self.url))


def from_spec(where: str) -> Endpoint:
    """Return the endpoint of ``URL#MODEL``."""
    url, _, model = where.partition("#")
    return Endpoint(url, model)
