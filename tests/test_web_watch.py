import socket
import time
import urllib.request

import pytest

from spatialrag.errors import InputError
from spatialrag.web_watch import Watch, opener


def test_a_watched_connection_ends_when_its_time_is_over():
    ours, theirs = socket.socketpair()
    watch = Watch()
    watch.follow(ours)
    watch.allow(0.05)
    started = time.perf_counter()
    assert ours.recv(1) == b""  # it would wait for ever
    assert time.perf_counter() - started < 5
    assert watch.over
    late, other = socket.socketpair()
    watch.follow(late)  # opened when the time is over already
    assert late.recv(1) == b""
    for each in (ours, theirs, late, other):
        each.close()


def test_a_stopped_watch_lets_go():
    ours, theirs = socket.socketpair()
    watch = Watch()
    watch.follow(ours)
    watch.allow(0.05)
    watch.stop()
    time.sleep(0.15)
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x"
    assert not watch.over
    ours.close()
    theirs.close()


def redirected(url, new, *, hosts=(), data=None):
    handler = next(
        each
        for each in opener(url, Watch(), hosts).handlers
        if isinstance(each, urllib.request.HTTPRedirectHandler)
    )
    request = urllib.request.Request(url, data)
    return handler.redirect_request(request, None, 302, "Found", {}, new)


def test_redirects_stay_on_the_host_or_go_to_a_named_one():
    url = "https://a.org/x"
    assert redirected(url, "https://a.org/y").full_url == "https://a.org/y"
    assert redirected(url, "https://b.org/y", hosts=["b.org"]).full_url == "https://b.org/y"
    for new in ("https://b.org/y", "https://a.org:444/y", "https://a.org.b.org/y"):
        with pytest.raises(InputError, match="leads to another host"):
            redirected(url, new, hosts=["c.org"])
    for new in ("http://a.org/y", "http://b.org/y"):
        with pytest.raises(InputError, match="without encryption"):
            redirected(url, new, hosts=["b.org"])
    with pytest.raises(InputError, match="leads to another host"):
        redirected(url, "http://localhost/y", hosts=["localhost"])  # from outside to inside
    assert redirected(url, "https://a.org/y", data=b"x") is None  # what was posted goes nowhere


def test_no_proxy_for_this_machine(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    monkeypatch.setenv("http_proxy", "http://proxy:1")

    def proxies(url):
        found = [
            each.proxies
            for each in opener(url, Watch(), ()).handlers
            if isinstance(each, urllib.request.ProxyHandler)
        ]
        return found[0] if found else {}

    assert proxies("http://localhost/x") == {}
    assert proxies("https://a.org/x")["https"] == "http://proxy:1"
