"""Servers that answer garbage, half an answer, or another question's answer."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from attacking.cases import cases
from attacking.files import OTHERS, damages
from hypothesis import given, strategies as st

from spatialrag.errors import InputError
from spatialrag.semantics.endpoint import Endpoint

TEXTS = ["one", "two", "three"]
VECTORS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
ANSWER = {"data": [{"index": i, "embedding": each} for i, each in enumerate(VECTORS)]}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 5), st.just(1e999), st.just("x"), st.just([]),
    st.just({}), st.just([1.0, 2.0]), st.just([[1.0], [2.0]]), st.just([None, None]),
    st.just(["1", "2"]), st.just([1e39, 1.0]), st.just([float("nan"), 0.0]),
)  # fmt: skip


class Server:
    """Says what it is told to say."""

    def __init__(self):
        self.status, self.body, self.headers = 200, b"", {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outer.status)
                length = {"Content-Length": str(len(outer.body))}
                for name, value in (length | outer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def embed(self):
        url = f"http://127.0.0.1:{self.http.server_port}/v1"
        return Endpoint(url, "m", tries=1, wait=0, timeout=5).embed(TEXTS)


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@st.composite
def answers(draw):
    """Return an answer of which one part is odd."""
    answer = json.loads(json.dumps(ANSWER))
    row = draw(st.sampled_from(answer["data"]))
    how = draw(st.sampled_from(["value", "lost", "doubled", "order", "whole", "extra"]))
    if how == "value":
        row[draw(st.sampled_from(["index", "embedding"]))] = draw(ODD)
    elif how == "lost":
        del row[draw(st.sampled_from(["index", "embedding"]))]
    elif how == "doubled":
        answer["data"].append(row)
    elif how == "order":
        answer["data"] = draw(st.permutations(answer["data"]))
    elif how == "whole":
        answer = draw(ODD)
    else:
        answer["data"].pop()
    return answer


def right_or_refused(server):
    try:
        found = server.embed()
    except InputError as error:
        assert len(str(error)) < 2000
        return None
    assert found.shape[0] == len(TEXTS)
    assert np.isfinite(found).all()
    return found


@cases(40)
@given(answer=answers())
def test_odd_answers_are_refused_or_put_in_order(server, answer):
    server.status, server.headers = 200, {}
    server.body = json.dumps(answer).encode()
    found = right_or_refused(server)
    if found is not None:
        by_index = {row["index"]: row["embedding"] for row in answer["data"]}
        np.testing.assert_array_equal(found, [by_index[i] for i in range(len(TEXTS))])


@cases(30)
@given(damage=damages(), status=st.sampled_from([200, 200, 204, 206, 301, 400, 404, 418, 500]))
def test_damaged_answers_are_refused_or_finite(server, damage, status):
    server.status, server.headers = status, {}
    server.body = damage.of(json.dumps(ANSWER).encode())
    if status != 200:
        with pytest.raises(InputError):
            server.embed()
    else:
        right_or_refused(server)


@cases(10)
@given(body=st.sampled_from(OTHERS), more=st.integers(1, 100))
def test_an_answer_that_breaks_off_is_refused(server, body, more):
    server.status, server.body = 200, body
    server.headers = {"Content-Length": str(len(body) + more), "Connection": "close"}
    with pytest.raises(InputError):
        server.embed()
