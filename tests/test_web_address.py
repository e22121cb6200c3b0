import pytest

from spatialrag.errors import InputError
from spatialrag.web_address import check_address, clean, is_local, show_address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://h/x",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "http://",
        "https://h:99999/x",
        "https://h/\n",
        "https://h/a b",
        "https://[::1/x",
        "javascript:1",
        "https://" + "a" * 70 + ".org/x",
        "ext::sh -c x",
        "--upload-pack=x",
    ],
)
def test_addresses_that_may_not_be_asked(url):
    with pytest.raises(InputError, match="no usable address"):
        check_address(url, subject="the server")


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "localhost.example.org", "0x7f.1"])
def test_other_machines_are_asked_over_tls(host):
    with pytest.raises(InputError, match="without encryption"):
        check_address(f"http://{host}/x", subject="the server")
    assert not is_local(host)


def test_this_machine():
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "[::1]"):
        assert check_address(f"http://{host}:8000/x", subject="it").port == 8000
    assert check_address("file:///x", subject="it", schemes=("file",)).path == "/x"
    with pytest.raises(InputError, match="no usable address"):
        check_address("http://localhost/x", subject="it", schemes=("file",))


def test_secrets_are_removed_in_every_spelling():
    assert clean("key a/b+c, a%2Fb%2Bc", ["a/b+c"]) == "key ***, ***"
    assert clean("x" * 600) == "x" * 500 + "…"
    assert clean("a\x1b[31m\nb\u202e") == "a [31m b "
    assert show_address("https://u:p@h:1/x?key=k#f") == "https://h:1/x?…"
    assert show_address("https://[::1") == "an address that cannot be read"
