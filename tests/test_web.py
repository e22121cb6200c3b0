"""Against sockets on this machine that answer as badly as servers can."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spatialrag.errors import InputError
from spatialrag.web import UnreachableError, ask, download

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def drip(connection, content, pause=0.05):
    """Send a byte at a time until the other side has enough."""
    try:
        for i in range(len(content)):
            connection.sendall(content[i : i + 1])
            time.sleep(pause)
    except OSError:
        pass


def sent(content):
    return lambda connection: connection.sendall(content)


@pytest.fixture
def serve():
    """Start a server that does with each connection what it is told."""
    listeners = []

    def start(behave):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    behave(connection)

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/x"

    yield start
    for listener in listeners:
        listener.close()


def fetch(url, **options):
    return ask(url, subject="the server", **{"timeout": 5, "limit": 1 << 20} | options)


def test_an_answer_whatever_its_status(serve):
    answer = fetch(serve(sent(b"HTTP/1.1 404 Gone away\r\nA-b: c\r\n\r\nnot here")))
    assert (answer.status, answer.reason, answer.body) == (404, "Gone away", b"not here")
    assert answer.headers["a-b"] == "c"


@pytest.mark.parametrize(
    "behave",
    [
        lambda connection: drip(connection, HEAD + b"x" * 1000),
        lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 99),
        lambda connection: drip(connection, HEAD[:60], pause=0) or time.sleep(2),
        lambda connection: time.sleep(2),
    ],
    ids=["body", "headers", "stops", "silent"],
)
def test_the_whole_answer_has_a_time(serve, behave):
    started = time.perf_counter()
    with pytest.raises(UnreachableError, match=r"(?s)did not answer in time.*within 0.3 s"):
        fetch(serve(behave), timeout=0.3)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no HTTP",
        b"HTTP/1.1 xx OK\r\n\r\n",
        HEAD + b"cut short",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_answers_that_are_none(serve, content):
    with pytest.raises(UnreachableError, match="the server cannot be reached"):
        fetch(serve(sent(content)))


def test_large_answers_are_refused(serve):
    url = serve(sent(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3000))
    with pytest.raises(InputError, match="more than 0 MiB"):
        fetch(url, limit=2000)
    assert len(fetch(url, limit=3000).body) == 3000


def test_an_encrypted_connection_has_a_time_too(serve):
    """A server that never finishes the handshake."""
    url = serve(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00" + b"x" * 200))
    with pytest.raises(UnreachableError, match="in time|cannot be reached"):
        fetch(url.replace("http:", "https:"), timeout=0.3)


class Files(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/x":
            return self.reply(200, {}, bytes(range(256)) * 1000)
        if self.path.startswith("/to/"):
            return self.reply(302, {"Location": self.path[4:].replace("|", "/")}, b"")
        return self.reply(403, {}, b"")

    def reply(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def files():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def pull(url, **options):
    blocks = []
    options = {"subject": "the file", "restart": blocks.clear, "timeout": 5} | options
    download(url, blocks.append, **options)
    return b"".join(blocks)


def test_downloads_and_redirects_on_the_same_host(files):
    assert pull(f"{files}/x") == bytes(range(256)) * 1000
    assert pull(f"{files}/to/|x") == bytes(range(256)) * 1000
    assert pull(f"{files}/x", start=7) == bytes(range(256)) * 1000
    with pytest.raises(InputError, match="the file answers 403"):
        pull(f"{files}/other")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://localhost:9|x", "leads to another host"),
        ("https://example.org|x?key=1", r"(?s)another host.*redirects = \[.HOST.\]"),
        ("http://example.org|x", "without encryption"),
        ("file:||127.0.0.1|etc|passwd", "is not allowed"),
        ("ftp://example.org|x", "no usable address"),
    ],
)
def test_redirects_elsewhere_are_refused(files, target, message):
    with pytest.raises(InputError, match=message):
        pull(f"{files}/to/{target}")


def test_a_host_that_was_named_may_be_redirected_to(files):
    with pytest.raises(UnreachableError):  # tried, and absent
        pull(f"{files}/to/https://name.invalid|x", hosts=["name.invalid"])


def test_downloads_that_drip_or_break_off(serve):
    with pytest.raises(UnreachableError, match="did not answer in time"):
        pull(serve(lambda connection: drip(connection, HEAD + b"x" * 1000)), timeout=0.3)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        pull(serve(sent(HEAD + b"x" * 10)))


def test_no_proxy_stands_before_this_machine(files, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(f"{files}/x").status == 200
