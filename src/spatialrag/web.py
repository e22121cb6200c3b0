"""Outgoing requests: to the host that was named, over TLS, within a time, and without telltales.

An address is ``https``, or ``http`` on this very machine. No redirect leads to another host: what
was meant for one server, a key above all, is never sent to another. Time and size are limited for
the whole answer, so that a server that sends a byte a second holds nobody.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from spatialrag.errors import InputError

_SHOWN = 500  # characters of an answer in a message
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
        Of HTTP.
    reason
        In the server's words.
    headers
        Of the answer; names in any case.
    body
        Bytes.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


def check_address(url: str, *, subject: str, schemes: Sequence[str] = ("https",)) -> SplitResult:
    """Return the parts of an address that may be asked.

    Parameters
    ----------
    url
        The address.
    subject
        What it is of, for the error.
    schemes
        Allowed ones; ``http`` is allowed on this machine where ``https`` is.

    Raises
    ------
    InputError
        Another scheme, http to another machine, a user or password within the address, or none.
    """
    expected = ", ".join(f"{scheme}://" for scheme in schemes)
    try:
        if not url.isprintable() or " " in url:
            raise ValueError("blanks or control characters in it")
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise InputError(f"{subject} has no usable address", got=f"{url!r}: {error}") from error
    if parts.scheme == "http" and "https" in schemes and host and not is_local(host):
        raise InputError(
            f"{subject} would be asked without encryption",
            expected="https://, or http:// to localhost",
            got=show_address(url),
            fix=f"use https://, or a tunnel: ssh -L 8000:localhost:{parts.port or 80} {host}, "
            "and http://localhost:8000",
        )
    local = parts.scheme == "http" and "https" in schemes
    if not (local or parts.scheme in schemes) or not (host or parts.scheme == "file"):
        raise InputError(f"{subject} has no usable address", expected=expected, got=repr(url))
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"{subject} has a name or password in its address",
            got=show_address(url),
            fix="leave it out; keys are read from an environment variable",
        )
    return parts


def is_local(host: str) -> bool:
    """Return whether a host is this very machine."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


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
            response = _opener(url, watch, ()).open(request, timeout=timeout)
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
            response = _opener(url, watch, hosts).open(request, timeout=timeout)
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


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """Return somebody else's text for a message: without secrets, printable, and not long."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), secret.encode("unicode_escape").decode()}:
            if form:
                text = text.replace(form, "***")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text[:_SHOWN] + "…" * (len(text) > _SHOWN)


def show_address(url: str) -> str:
    """Return an address for a message: without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return clean(f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}")


def _check_whole(response: Any) -> None:  # noqa: ANN401  (of http.client or urllib)
    """Raise when less was sent than announced: reading in parts does not tell."""
    missing = getattr(response, "length", None)
    if missing:
        raise http.client.IncompleteRead(b"", missing)


class _Watch:
    """Shuts the connections of a request when its time is over, whatever it waits for."""

    def __init__(self) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None

    def allow(self, seconds: float) -> None:
        self.stop()
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def follow(self, connection: socket.socket) -> None:
        self._sockets.append(connection)
        if self.over:
            self._shut()

    def _shut(self) -> None:
        self.over = True
        for connection in self._sockets:
            with suppress(OSError, ValueError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextmanager
def _watched(timeout: float, subject: str) -> Iterator[_Watch]:
    """Limit the time of a request, and turn what the network raises into one error."""
    watch = _Watch()
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
    if watch.over:
        raise UnreachableError(
            f"{subject} did not answer in time", expected=f"an answer within {timeout:g} s"
        ) from fault
    if fault is not None:
        reason = getattr(fault, "reason", None) or fault
        raise UnreachableError(
            f"{subject} cannot be reached", got=clean(f"{type(fault).__name__}: {reason}")
        ) from fault


def _opener(url: str, watch: _Watch, hosts: Sequence[str]) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [
        _Plain(watch),
        _Encrypted(watch),
        _Redirects(url, hosts),
    ]
    if is_local(urlsplit(url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))  # nobody else's machine is on the way
    return urllib.request.build_opener(*handlers)


class _Plain(urllib.request.HTTPHandler):
    """HTTP whose connections are watched."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        watch = self._watch

        class Connection(http.client.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                watch.follow(self.sock)

        return self.do_open(Connection, request)


class _Encrypted(urllib.request.HTTPSHandler):
    """HTTPS whose connections are watched, the handshake too."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        watch = self._watch

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                http.client.HTTPConnection.connect(self)
                host = getattr(self, "_tunnel_host", None) or self.host
                self.sock = ssl.create_default_context().wrap_socket(
                    self.sock, server_hostname=host, do_handshake_on_connect=False
                )
                watch.follow(self.sock)
                self.sock.do_handshake()

        return self.do_open(Connection, request)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect of a download on the same host, or to one that was named."""

    def __init__(self, url: str, hosts: Sequence[str]) -> None:
        self._first, self._hosts = urlsplit(url), hosts

    def redirect_request(
        self,
        request: urllib.request.Request,
        fp: Any,  # noqa: ANN401  (urllib's signature)
        code: int,
        message: str,
        headers: Any,  # noqa: ANN401
        newurl: str,
    ) -> urllib.request.Request | None:
        if request.data is not None:
            return None
        parts = check_address(newurl, subject=f"the redirect of {show_address(request.full_url)}")
        same = parts[:2] == self._first[:2]
        if not same and not (parts.scheme == "https" and parts.hostname in self._hosts):
            raise InputError(
                f"{show_address(request.full_url)} leads to another host",
                expected=", ".join([self._first.hostname or "", *self._hosts]),
                got=show_address(newurl),
                fix='if you trust that host, name it in the manifest: redirects = ["HOST"]',
            )
        return super().redirect_request(request, fp, code, message, headers, newurl)
