"""Outgoing requests: to the host that was named, over TLS, within a time, and without telltales.

An address is ``https``, or ``http`` on this very machine. No redirect leads to another host: what
was meant for one server, a key above all, is never sent to another. Time and size are limited for
the whole answer, so that a server that sends a byte a second holds nobody.
"""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spatialrag.errors import InputError
from spatialrag.web_address import check_address, clean
from spatialrag.web_watch import Watch, opener

_BLOCK = 1 << 16
_SLOWEST = 1 << 16  # bytes in the seconds of a download's timeout


class UnreachableError(InputError):
    """No answer, or one that broke off: another try may help."""


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Parameters
    ----------
    status
        Status code of the answer.
    reason
        In the server's words.
    headers
        Headers of the answer; names in any case.
    body
        Bytes.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def ask(
    url: str,
    *,
    subject: str,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
    limit: int,
) -> Answer:
    """Send one request and return the answer, whatever its status; redirects are not followed.

    Parameters
    ----------
    url
        See `check_address`.
    subject
        Whom is asked, for errors.
    data
        Body of a POST; none for a GET.
    headers
        Further ones.
    timeout
        Seconds until the whole answer is here.
    limit
        Bytes of the answer at most.

    Raises
    ------
    UnreachableError
        No answer, one that broke off, or none within the time.
    InputError
        An address that may not be asked, or an answer that is too large.
    """
    check_address(url, subject=subject)
    request = urllib.request.Request(url, data, dict(headers or {}))
    with _watched(timeout, subject) as watch:
        try:
            response = opener(url, watch, ()).open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            body = response.read(limit + 1)
            if len(body) <= limit:
                _check_whole(response)
            status, reason, told = response.status, str(response.reason), dict(response.headers)
    if len(body) > limit:
        raise InputError(f"{subject} answered with more than {limit >> 20} MiB")
    lower = {name.lower(): value for name, value in told.items()}
    return Answer(status, reason, lower, body)


def download(
    url: str,
    write: Callable[[bytes], object],
    *,
    subject: str,
    start: int = 0,
    hosts: Sequence[str] = (),
    restart: Callable[[], object],
    timeout: float = 60.0,
) -> None:
    """Fetch a file of any size.

    Parameters
    ----------
    url
        See `check_address`.
    write
        Takes each block.
    subject
        What is fetched, for errors.
    start
        Bytes that are there already.
    hosts
        Further hosts to which the server may redirect.
    restart
        Called before the first block where the server sends the file from its beginning.
    timeout
        Seconds without 64 KiB after which the server counts as gone.

    Raises
    ------
    UnreachableError
        No answer, or one that broke off.
    InputError
        An address that may not be asked, a status other than success, or a redirect elsewhere.
    """
    check_address(url, subject=subject)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with _watched(timeout, subject) as watch:
        try:
            response = opener(url, watch, hosts).open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            if error.code == 416 and start:  # everything was there already
                return
            raise InputError(
                f"{subject} answers {error.code} {clean(str(error.reason))}"
            ) from error
        with response:
            if start and response.status != 206:
                restart()
            watch.allow(timeout)
            received = 0
            while block := response.read1(_BLOCK):
                write(block)
                received += len(block)
                if received >= _SLOWEST:
                    watch.allow(timeout)
                    received = 0
            _check_whole(response)


def _check_whole(response: Any) -> None:
    """Raise when less was sent than announced: reading in parts does not tell."""
    missing = getattr(response, "length", None)
    if missing:
        raise http.client.IncompleteRead(b"", missing)


@contextmanager
def _watched(timeout: float, subject: str) -> Iterator[Watch]:
    """Limit the time of a request, and turn what the network raises into one error."""
    watch = Watch()
    watch.allow(timeout)
    try:
        yield watch
        fault: Exception | None = None
    except InputError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        fault = error
    finally:
        watch.stop()
    if watch.over or isinstance(fault, TimeoutError):
        raise UnreachableError(
            f"{subject} did not answer in time", expected=f"an answer within {timeout:g} s"
        ) from fault
    if fault is not None:
        reason = getattr(fault, "reason", None) or fault
        raise UnreachableError(
            f"{subject} cannot be reached", got=clean(f"{type(fault).__name__}: {reason}")
        ) from fault
