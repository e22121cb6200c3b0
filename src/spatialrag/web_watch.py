"""Connections of outgoing requests: watched by a clock, and led to no other host."""

import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from spatialrag.errors import InputError
from spatialrag.web_address import check_address, is_local, show_address


class Watch:
    """Shuts the connections of a request when its time is over, whatever it waits for."""

    def __init__(self) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None

    def allow(self, seconds: float) -> None:
        """Give the request so much time from now on."""
        self.stop()
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def follow(self, connection: socket.socket) -> None:
        """Watch one more connection."""
        self._sockets.append(connection)
        if self.over:
            self._shut()

    def _shut(self) -> None:
        self.over = True
        for connection in self._sockets:
            with suppress(OSError, ValueError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def opener(url: str, watch: Watch, hosts: Sequence[str]) -> urllib.request.OpenerDirector:
    """Return what opens an address with a watch, and follows redirects of GET alone.

    Parameters
    ----------
    url
        The address that was named.
    watch
        What checks the request's time and size.
    hosts
        Further hosts to which its server may redirect.
    """
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

    def __init__(self, watch: Watch) -> None:
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

    def __init__(self, watch: Watch) -> None:
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
        fp: Any,
        code: int,
        message: str,
        headers: Any,
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
