"""Files as copying, downloading and failing disks leave them."""

from dataclasses import dataclass

from hypothesis import strategies as st

OTHERS = (
    b"", b"\0", b"\0" * 4096, b"version https://git-lfs.github.com/spec/v1\nsize 9\n",
    b"<!DOCTYPE html><html><body>404</body></html>", b"a,b\n1,2\n", b"\x89HDF\r\n\x1a\n",
    b"PK\x03\x04", b"\x1f\x8b", b"\x93NUMPY", b"II*\0\x08\0\0\0", b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0", b"{}", b"[" * 3000, b"\x80\x04\x95", b"\xff\xfea\0", b"PAR1PAR1",
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """What was done to a file.

    Parameters
    ----------
    kind
        ``cut``, ``lengthened``, ``changed`` (some bytes), ``emptied`` (a run of zeros) or
        ``exchanged`` (for something else).
    where
        Share of the file before the place.
    put
        Bytes that come there.
    """

    kind: str
    where: float
    put: bytes

    def of(self, content: bytes) -> bytes:
        """Return a file's bytes after it."""
        place = int(self.where * max(len(content) - 1, 0))
        if self.kind == "cut":
            return content[:place]
        if self.kind == "lengthened":
            return content + self.put
        if self.kind == "exchanged":
            return self.put
        put = self.put if self.kind == "changed" else b"\0" * 64 * len(self.put)
        return content[:place] + put[: len(content) - place] + content[place + len(put) :]


@st.composite
def damages(draw: st.DrawFn, *, inner: bool = True) -> Damage:
    """Return a damage.

    Parameters
    ----------
    draw
        Of hypothesis.
    inner
        Whether bytes within may be changed. Not in HDF5: its library may then look for ever, in
        C, where nothing stops it (SECURITY.md).
    """
    kinds = ["cut", "lengthened", "exchanged", *["changed", "emptied"] * inner]
    kind = draw(st.sampled_from(kinds))
    some = st.sampled_from(OTHERS) if kind == "exchanged" else st.binary(min_size=1, max_size=16)
    return Damage(kind, draw(st.floats(0, 1)), draw(some))
