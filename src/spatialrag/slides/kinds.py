"""What an image file is by its first bytes: its name may say anything."""

from pathlib import Path

from spatialrag.errors import InputError

_HEAD = 64
# Kind by the first bytes; JPEG 2000 comes as a box file and as a bare code stream.
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
)
PLAIN = {"PNG", "JPEG", "JPEG 2000", "BMP", "WebP"}


def image_kind(path: Path) -> str:
    """Return ``PNG``, ``JPEG``, ``JPEG 2000``, ``BMP``, ``WebP``, ``TIFF``, ``HDF5`` or ``""``.

    Raises
    ------
    InputError
        There is no such file, it is empty, or it may not be read.
    """
    if not path.is_file():
        problem = f"the slide {path} is a folder" if path.is_dir() else ""
        raise InputError(problem or f"the slide {path} does not exist", fix="check the path")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise InputError(
            f"the slide {path} cannot be opened",
            got=error.strerror or type(error).__name__,
            fix="check who may read it",
        ) from error
    if not head:
        raise InputError(f"the slide {path} is empty", fix="copy or download it again")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
