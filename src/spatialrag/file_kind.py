"""What a file is by its first bytes, whatever its name says, for errors that help.

`reading` stands around every call into somebody else's reader: what that raises becomes an
`InputError` which says what was expected and what the file is.
"""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py

from spatialrag.errors import InputError, SpatialragError, listing
from spatialrag.keys import RECORD

_HEAD = 4096
_HDF5 = b"\x89HDF\r\n\x1a\n"
_AGAIN = "download or copy it again, and compare its size or checksum with the source's"
_SHEET = "save the sheet as CSV UTF-8"


@dataclass(frozen=True)
class FileKind:
    """What a file is.

    Parameters
    ----------
    key
        ``text``, ``h5ad``, ``10x``, ``parquet``, … for readers to choose by.
    name
        The same in words, with an article.
    fix
        What to do with such a file, when it is not what was wanted.
    """

    key: str
    name: str
    fix: str = ""


EMPTY = FileKind("empty", "an empty file", _AGAIN)
FOLDER = FileKind("folder", "a folder")
_STORE = FileKind("store", "a bank of this package, of spots or of single cells")
TEXT = FileKind("text", "plain text")
_LFS = FileKind("pointer", "a pointer of Git LFS, not the file itself", "`git lfs pull` fetches it")
_ANNEX = FileKind("pointer", "a pointer of git-annex, not the file itself", "`git annex get` it")
_WEB = FileKind("html", "a web page", "download the file itself: a page came in its place")
_DAMAGED = FileKind("damaged", "an HDF5 file that is cut short or damaged", _AGAIN)
_HDF5_OTHER = "hdf5", "an HDF5 file of another kind"
# What reading a file that is lost, cut short, damaged or of another kind may raise; of a damaged
# header `zipfile` says NotImplementedError.
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError,
    RuntimeError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
# By the first bytes.
_MAGIC = (
    (b"PAR1", FileKind("parquet", "a Parquet table", "name it .parquet")),
    (b"\x89PNG", FileKind("image", "a PNG image")),
    (b"\xff\xd8\xff", FileKind("image", "a JPEG image")),
    (b"II*\0", FileKind("image", "a TIFF image")),
    (b"MM\0*", FileKind("image", "a TIFF image")),
    (b"II+\0", FileKind("image", "a BigTIFF image")),
    (b"MM\0+", FileKind("image", "a BigTIFF image")),
    (b"\0\0\0\x0cjP  ", FileKind("image", "a JPEG 2000 image")),
    (b"\xff\x4f\xff\x51", FileKind("image", "a JPEG 2000 image")),
    (b"%PDF", FileKind("pdf", "a PDF document")),
    (b"BZh", FileKind("packed", "a bzip2 archive", "`bunzip2` it")),
    (b"\xfd7zXZ", FileKind("packed", "an xz archive", "`unxz` it")),
    (b"7z\xbc\xaf", FileKind("packed", "a 7-Zip archive", "unpack it")),
    (b"\x93NUMPY", FileKind("npy", "a NumPy array")),
    (b"\xd0\xcf\x11\xe0", FileKind("excel", "an old Excel workbook", _SHEET)),
    (b"RDX", FileKind("r", "an R workspace", "write it as h5ad or CSV in R")),
    (b"X\n\0\0\0", FileKind("r", "an R object (RDS)", "write it as h5ad or CSV in R")),
    (b"version https://git-lfs", _LFS),
)  # fmt: skip
_ZIPS = (
    ("xl/", FileKind("excel", "an Excel workbook", _SHEET)),
    ("word/", FileKind("word", "a Word document")),
    ("data.pkl", FileKind("tensor", "a PyTorch file")),
    (".npy", FileKind("npz", "NumPy arrays (npz)")),
    ("zarr.json", FileKind("packed", "a zipped Zarr store", "unzip it")),
    (".zgroup", FileKind("packed", "a zipped Zarr store", "unzip it")),
)
_PARTS = {"X", "layers", "obs", "obsm", "obsp", "raw", "uns", "var", "varm", "varp"}
_MATRIX_10X = FileKind(
    "10x",
    "a count matrix of 10x Genomics (no positions, not AnnData)",
    "give the Space Ranger folder that holds it and spatial/, or convert it with scanpy",
)


def kind_of(path: str | Path) -> FileKind:
    """Return what a file is; what its packing holds, where it is gzipped.

    Raises
    ------
    InputError
        There is no such file, or it may not be read.
    """
    path = Path(path)
    if path.is_dir():
        return _inside_folder(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise unreadable_path(path, error) from error
    if not head:
        return EMPTY
    if head[:2] == b"\x1f\x8b":
        return _inside_gzip(path)
    if head[:4] == b"PK\x03\x04":
        return _inside_zip(path)
    if head[:8] == _HDF5 or _has_user_block(path):
        return _inside_hdf5(path)
    return _by_head(head)


def refusal(path: str | Path, expected: str, *, got: str = "", fix: str = "") -> InputError:
    """Return the error for a file that is not what was expected, which says what it is."""
    path = Path(path)
    kind = kind_of(path)
    return InputError(
        f"{path.name} cannot be read as {expected}",
        expected=expected,
        got="; ".join(part for part in (kind.name, got) if part),
        fix=fix or kind.fix or "check that this is the file you mean",
    )


@contextmanager
def reading(path: str | Path, expected: str, *, fix: str = "") -> Iterator[None]:
    """Turn what another library raises while it reads a file into an `InputError`.

    Parameters
    ----------
    path
        The file.
    expected
        What it should be, with an article: ``an AnnData file (h5ad)``.
    fix
        What to do; by what the file is when absent.
    """
    try:
        yield
    except (SpatialragError, MemoryError):
        raise
    except Exception as error:
        path = Path(path)
        if isinstance(error, OSError) and error.filename is not None:
            raise unreadable_path(path, error) from error
        said = next(iter(str(error).strip().splitlines()), "")[:200]
        got = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise refusal(path, expected, got=got, fix=fix) from error


def require_file(path: str | Path) -> Path:
    """Return a path at which there is a file, or raise `InputError`."""
    path = Path(path)
    if not path.is_file():
        link = " (a link to nothing: fetch the file it stands for)" if path.is_symlink() else ""
        raise InputError(
            f"{path} is a folder" if path.is_dir() else f"{path} does not exist{link}",
            expected="a file",
            fix="check the path",
        )
    return path


def unreadable_path(path: Path, error: OSError) -> InputError:
    """Return the error for a path that the system does not open."""
    return InputError(
        f"{path} does not exist"
        if isinstance(error, FileNotFoundError)
        else f"{path} cannot be opened",
        got=error.strerror or type(error).__name__,
        fix="check the path and who may read it",
    )


def _by_head(head: bytes) -> FileKind:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return FileKind("pickle", "a pickle", "it runs code when opened: write h5ad or CSV instead")
    if head[257:262] == b"ustar":
        return FileKind("packed", "a tar archive", "unpack it")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return _WEB
    if start.startswith((b"<?xml", b"<error")):
        return FileKind("xml", "an XML document, perhaps an error message of a server", _AGAIN)
    if b"annex/objects/" in head[:512]:
        return _ANNEX
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")  # UTF-16 has bytes of 0
    if b"\0" in head and not wide:
        return FileKind("binary", "no text and no format that is known here")
    return TEXT


def _inside_gzip(path: Path) -> FileKind:
    try:
        with gzip.open(path) as stream:
            head = stream.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return FileKind("damaged", "a gzip file that is cut short or damaged", _AGAIN)
    inner = _by_head(head) if head else EMPTY
    if head[:8] == _HDF5:
        inner = FileKind("hdf5", "an HDF5 file")
    if inner.key in ("text", "r", "html", "pointer", "empty"):
        return inner
    return FileKind("packed", f"{inner.name} inside gzip", f"`gunzip` it: {path.name}")


def _inside_zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except UNREADABLE:
        return FileKind("damaged", "a zip archive that is cut short or damaged", _AGAIN)
    for part, kind in _ZIPS:
        if any(part in name for name in names):
            return kind
    return FileKind("packed", f"a zip archive with {listing(names, 3)}", "unpack it")


def _has_user_block(path: Path) -> bool:
    """Return whether HDF5 begins after a block of another program, at 512, 1024, … bytes."""
    with path.open("rb") as stream:
        for start in (512, 1024, 2048, 4096):
            stream.seek(start)
            if stream.read(8) == _HDF5:
                return True
    return False


def _inside_folder(path: Path) -> FileKind:
    """Return whether a folder is a store of this package."""
    # By its name alone: nothing of a store is decoded before its codecs were looked at.
    return _STORE if (path / "uns" / RECORD).is_dir() else FOLDER


def _anndata(names: set[str]) -> FileKind:
    others = sorted(name for name in names - _PARTS if not name.startswith("raw."))
    said = f" with parts that AnnData does not write: {listing(others)}" if others else ""
    return FileKind("h5ad", f"an AnnData file{said}")


def _inside_hdf5(path: Path) -> FileKind:
    try:
        with h5py.File(path) as file:
            names, encoding = set(file), file.attrs.get("encoding-type", "")
            tables = {name for name in names if isinstance(file.get(name), h5py.Group)}
            old_10x = any("gene_names" in file[name] for name in tables)
            new_10x = "matrix" in tables and "barcodes" in file["matrix"]
            predicted = f"uns/{RECORD}/cited" in file
    except Exception:  # noqa: BLE001  (a damaged file raises anything)
        return _DAMAGED
    if old_10x or new_10x:
        return _MATRIX_10X
    if "mod" in names and encoding != "anndata":
        return FileKind("h5mu", "a MuData file", "write the modality with the genes as h5ad")
    if predicted:
        return FileKind("h5ad", "a prediction of this package")
    if encoding == "anndata" or {"obs", "var"} <= names:
        return _anndata(names)
    if {"row_attrs", "col_attrs"} <= names:
        fix = "scanpy.read_loom(…).write_h5ad(…), with positions in obsm['spatial']"
        return FileKind("loom", "a Loom file", fix)
    if {"assays", "cell.names"} & names:
        return FileKind("h5seurat", "a Seurat file (h5Seurat)", "convert it to h5ad in R")
    if {"img", "coords"} <= names:
        return FileKind("patches", "patches of a slide, as HEST writes them")
    if {"features", "embeddings"} & names:
        return FileKind("vectors", "vectors of tiles or spots")
    return FileKind(*_HDF5_OTHER, f"it holds {listing(sorted(names))}: give an AnnData file")
