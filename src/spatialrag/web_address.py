"""Addresses that may be asked, and what of them and of answers may be shown."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import SplitResult, quote, urlsplit

from spatialrag.errors import InputError

_SHOWN = 500  # characters of an answer in a message


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


def show_address(url: str) -> str:
    """Return an address for a message: without user, password and query, which may be secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return clean(f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}")


def clean(text: str, secrets: Sequence[str] = ()) -> str:
    """Return somebody else's text for a message: without secrets, printable, and not long."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), secret.encode("unicode_escape").decode()}:
            if form:
                text = text.replace(form, "***")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text[:_SHOWN] + "…" * (len(text) > _SHOWN)
