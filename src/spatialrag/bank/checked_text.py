"""Arrays of text whose header may not ask for more memory than the array has room for.

A chunk of text begins with the number of its items, and numcodecs makes room for as many before it
reads one: a single flipped bit there costs gigabytes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

import zarr
from zarr.codecs import vlen_utf8
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.registry import register_codec

_NAME = "vlen-utf8"


class VLenUTF8Codec(vlen_utf8.VLenUTF8Codec):
    """Zarr's codec for text, which looks at the number of items before it makes room for them.

    Zarr knows the codec of text by the name of its class.
    """

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        stated = int.from_bytes(chunk_bytes[:4].to_bytes(), "little")
        if stated != prod(chunk_spec.shape):
            raise ValueError(f"{stated} texts stated where {prod(chunk_spec.shape)} are")
        return super()._decode_sync(chunk_bytes, chunk_spec)


register_codec(_NAME, VLenUTF8Codec)


@contextmanager
def checked_text() -> Iterator[None]:
    """Read text of Zarr v3 with the checking codec while the block runs."""
    own = f"{VLenUTF8Codec.__module__}.{VLenUTF8Codec.__qualname__}"
    with zarr.config.set({f"codecs.{_NAME}": own}):
        yield
