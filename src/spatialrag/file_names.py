"""Names of slides, donors and cohorts as names of files: in one place, safe and one to one."""

import re
import unicodedata

from spatialrag.provenance import fingerprint

_LONGEST = 160  # bytes; file systems allow 255, and endings are added
_UNSAFE = re.compile(r'[/\\:*?"<>|~]|^[-. ]|[. ]$')
_PLAIN = re.compile(r"[^A-Za-z0-9_.]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)  # by Windows


def file_name(name: str) -> str:
    """Return a safe file name for a slide, donor or other name: the same one for the same name.

    A name that every file system takes stays as it is. Of others (those with a slash, backslash,
    ``: * ? " < > | ~`` or what cannot be printed, with a dot, hyphen or blank at an end, words that
    Windows reserves, long ones) the plain letters are kept and a hash of the whole name follows, so
    that no two names share a file and none leads out of its folder.
    """
    text = str(name)
    spelled = text.isprintable() and unicodedata.normalize("NFC", text) == text
    odd = _UNSAFE.search(text) or _RESERVED.match(text)
    if text and spelled and not odd and len(text.encode()) <= _LONGEST:
        return text
    stem = _PLAIN.sub("-", text)[:60].strip("-.")
    encoded = text.encode(errors="backslashreplace").decode()
    return f"{stem or 'name'}~{fingerprint(encoded)[:12]}"
