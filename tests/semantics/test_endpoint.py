"""Against a real HTTP server on this machine, with the faults real servers have."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.endpoint import Endpoint, from_spec


def vector(text, dim=3):
    return [float(len(text)), float(ord(text[0])), *[1.0] * (dim - 2)]


class Server:
    """Answers in reverse order; ``faults`` are (status, headers) given out first."""

    def __init__(self):
        self.requests, self.faults, self.change = [], [], lambda answer: answer
        self.fault, self.raw = "no", None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append((self.path, dict(self.headers), body))
                if outer.faults:
                    status, headers = outer.faults.pop(0)
                    return self.answer(status, {"error": outer.fault}, headers)
                dim = body.get("dimensions", 3)
                rows = [
                    {"index": i, "embedding": vector(text, dim)}
                    for i, text in enumerate(body["input"])
                ]
                return self.answer(200, outer.change({"data": rows[::-1]}), {})

            def answer(self, status, body, headers):
                raw = json.dumps(body).encode() if outer.raw is None else outer.raw
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_batches_and_order(server):
    texts = [f"{'x' * i}" for i in range(1, 8)]
    found = Endpoint(server.url, "m", batch=3).embed(texts)
    np.testing.assert_array_equal(found, [vector(text) for text in texts])
    assert [len(body["input"]) for _, _, body in server.requests] == [3, 3, 1]
    assert server.requests[0][0] == "/v1/embeddings"
    assert server.requests[0][2]["model"] == "m"
    assert "dimensions" not in server.requests[0][2]


def test_instruction_goes_before_each_text(server):
    Endpoint(server.url, "m").embed(["a", "b"], instruction="Do this.")
    assert server.requests[0][2]["input"] == ["Do this.\na", "Do this.\nb"]


def test_token_from_the_environment(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    Endpoint(server.url, "m", key_variable="MY_KEY").embed(["a"])
    Endpoint(server.url, "m", key_variable="ABSENT_KEY").embed(["a"])
    first, second = (headers for _, headers, _ in server.requests)
    assert first["Authorization"] == "Bearer secret"
    assert "Authorization" not in second


def test_dimension_is_asked_for_and_checked(server):
    assert Endpoint(server.url, "m", dim=5, ask_dim=True).embed(["a"]).shape == (1, 5)
    with pytest.raises(InputError, match="another dimension"):
        Endpoint(server.url, "m", dim=4).embed(["a"])


def test_busy_servers_are_asked_again(server):
    server.faults = [(429, {"Retry-After": "0"}), (503, {})]
    assert Endpoint(server.url, "m", wait=0.01).embed(["a"]).shape == (1, 3)
    assert len(server.requests) == 3


def test_rate_limited_for_good(server):
    server.faults = [(429, {})] * 3
    with pytest.raises(InputError, match=r"after 3 tries(.|\n)*429"):
        Endpoint(server.url, "m", tries=3, wait=0.01).embed(["a"])


def test_refusal_is_not_repeated(server):
    server.faults = [(401, {})]
    with pytest.raises(InputError, match=r"refused(.|\n)*401"):
        Endpoint(server.url, "m").embed(["a"])
    assert len(server.requests) == 1


def test_a_key_is_sent_to_no_other_host(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    elsewhere = Server()
    server.faults = [(302, {"Location": elsewhere.url + "/embeddings?token=secret"})]
    with pytest.raises(InputError, match=r"(?s)leads elsewhere.*302 to http://127.*\?…") as caught:
        Endpoint(server.url, "m", key_variable="MY_KEY").embed(["a"])
    assert "secret" not in str(caught.value)
    assert elsewhere.requests == []
    elsewhere.http.shutdown()
    elsewhere.http.server_close()


@pytest.mark.parametrize("status", [401, 429, 200])
def test_a_server_that_repeats_the_key_does_not_make_us_show_it(server, monkeypatch, status):
    key = "sk-very/secret+key"
    monkeypatch.setenv("MY_KEY", key)
    server.fault = f"{'x' * 470} bad key {key} \x1b[31m {key}"  # cut after 500 letters
    server.change = lambda answer: [server.fault]
    server.faults = [] if status == 200 else [(status, {})] * 2
    with pytest.raises(InputError) as caught:
        Endpoint(server.url, "m", key_variable="MY_KEY", tries=1).embed(["a"])
    assert "secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_key_that_cannot_be_one_is_not_shown(monkeypatch, server):
    monkeypatch.setenv("MY_KEY", "sk-secret\r\nX-Other: 1")
    with pytest.raises(InputError, match="the key in MY_KEY") as caught:
        Endpoint(server.url, "m", key_variable="MY_KEY").embed(["a"])
    assert "secret" not in str(caught.value)


MALFORMED = {
    "no JSON": b"<html>",
    "cut short": b'{"data": [',
    "deep": b"[" * 100_000,
    "other text": b"\xff\xfe",
    "a list": b"[]",
    "null": b"null",
    "text": b'"data"',
    "vectors as text": b'{"data": [{"index": 0, "embedding": "AAAA"}]}',
    "no vector": b'{"data": [{"index": 0, "embedding": null}]}',
    "nested": b'{"data": [{"index": 0, "embedding": [[1]]}]}',
    "ragged": b'{"data": [{"index": 0, "embedding": [1, [2]]}]}',
    "words": b'{"data": [{"index": 0, "embedding": ["a"]}]}',
    "truths": b'{"data": [{"index": 0, "embedding": [true]}]}',
    "huge": b'{"data": [{"index": 0, "embedding": [1e39]}]}',
    "integers beyond all": b'{"data": [{"index": 0, "embedding": [' + b"9" * 400 + b"]}]}",
    "NaN": b'{"data": [{"index": 0, "embedding": [NaN]}]}',
    "empty": b'{"data": [{"index": 0, "embedding": []}]}',
    "index as text": b'{"data": [{"index": "0", "embedding": [1]}]}',
    "index as list": b'{"data": [{"index": [0], "embedding": [1]}]}',
    "twice": b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}',
    "nothing": b"",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_answers(server, name):
    server.raw = MALFORMED[name]
    with pytest.raises(InputError, match="answer"):
        Endpoint(server.url, "m").embed(["a"])


def test_partial_answer(server):
    server.change = lambda answer: {"data": answer["data"][1:]}
    with pytest.raises(InputError, match="in part"):
        Endpoint(server.url, "m").embed(["a", "b"])


def test_answers_of_other_forms(server):
    server.change = lambda answer: {"embeddings": []}
    with pytest.raises(InputError, match="another form"):
        Endpoint(server.url, "m").embed(["a"])
    server.change = lambda answer: {
        "data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]
    }
    with pytest.raises(InputError, match="another dimension"):
        Endpoint(server.url, "m").embed(["a", "b"])


def test_dimension_that_changes_between_requests(server):
    lengths = iter([2, 3])

    def change(answer):
        dim = next(lengths)
        return {"data": [{"index": 0, "embedding": [1.0] * dim}]}

    server.change = change
    with pytest.raises(InputError, match="changed its dimension"):
        Endpoint(server.url, "m", batch=1).embed(["a", "b"])


def test_endpoint_down():
    with pytest.raises(InputError, match="did not answer after 2 tries"):
        Endpoint("http://127.0.0.1:9/v1", "m", tries=2, wait=0.01).embed(["a"])


def test_waits_grow_and_end():
    endpoint = Endpoint("https://x/v1", "m", wait=1)
    assert [endpoint._pause(i, "") for i in range(3)] == [1, 2, 4]
    assert endpoint._pause(20, "") == 30
    assert endpoint._pause(0, "7") == 7
    assert [endpoint._pause(0, said) for said in ("²", "-3", "soon", "9" * 400)] == [1] * 4


def test_bad_settings():
    assert from_spec("https://h/v1#m").model == "m"
    assert from_spec("http://[::1]:8000/v1#m").model == "m"
    with pytest.raises(InputError, match=r"(?s)without encryption.*ssh -L 8000:localhost:8001 h"):
        Endpoint("http://h:8001/v1", "m")
    with pytest.raises(InputError, match="name or password in its address"):
        Endpoint("https://me:secret@h/v1", "m")
    with pytest.raises(InputError, match="timeout must be positive"):
        Endpoint("https://h/v1", "m", timeout=float("nan"))
    with pytest.raises(InputError, match="no embeddings endpoint"):
        Endpoint("localhost:8000", "m")
    with pytest.raises(InputError, match="no embeddings endpoint"):
        from_spec("https://h/v1")
    with pytest.raises(InputError, match="ask_dim"):
        Endpoint("https://h", "m", ask_dim=True)
    with pytest.raises(InputError, match="at least 1"):
        Endpoint("https://h", "m", batch=0)
