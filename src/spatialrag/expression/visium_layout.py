"""Which files of a folder are Space Ranger's, as version 1 to 4 and as GEO lay them out.

- ``outs/`` or the folder above it; ``filtered_feature_bc_matrix.h5``, or the folder of that name
  with ``matrix.mtx.gz``, ``features.tsv.gz``, ``barcodes.tsv.gz``; ``raw_…`` where that is all;
- ``spatial/tissue_positions_list.csv`` without a header (version 1), ``tissue_positions.csv`` with
  one (2 and later), ``tissue_positions.parquet`` (Visium HD); ``scalefactors_json.json``;
- Visium HD: ``binned_outputs/square_008um/`` and ``square_016um/``, each laid out like ``outs``;
- GEO: all of these in one folder, gzipped or not, with a prefix such as ``GSM5420749_``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spatialrag.errors import InputError, listing

_MATRIX = re.compile(
    r"(?P<prefix>.*?)[_.-]?(?P<kind>filtered|raw)_(feature|gene)_bc_matri(x|ces)(_h5)?(\.h5)?"
)
_FLAT = re.compile(r"(?P<prefix>.*?)[_.-]?((filtered|raw)_feature_bc_)?matrix\.mtx(\.gz)?")
_POSITIONS = re.compile(
    r"(?P<prefix>.*?)[_.-]?(tissue_)?positions?(_list)?\.(csv|tsv|txt|parquet)(\.gz)?"
)
_FACTORS = re.compile(r"(?P<prefix>.*?)[_.-]?scalefactors(_json)?\.json(\.gz)?")
_SPATIAL, _OUTS, _BINS = "spatial", "outs", "binned_outputs"
_EVERYWHERE = re.compile(
    rf"{_OUTS}|{_BINS}|{_SPATIAL}|square_\d+um|(filtered|raw)_feature_bc_matrix"
)
_EXPECTED = (
    "filtered_feature_bc_matrix.h5 (or the folder of that name) and spatial/ with "
    "tissue_positions and scalefactors_json.json"
)


@dataclass(frozen=True)
class Layout:
    """Files of one slide.

    Parameters
    ----------
    matrix
        ``.h5``, a folder with ``matrix.mtx``, or a ``matrix.mtx`` itself; None where there is none.
    positions
        The table of spots.
    factors
        ``scalefactors_json.json``; None where there is none.
    raw
        The matrix holds all barcodes, not only those under tissue.
    """

    matrix: Path | None
    positions: Path
    factors: Path | None
    raw: bool = False


def find_layout(path: str | Path, *, library: str | None = None) -> Layout:
    """Return the files of one slide.

    Parameters
    ----------
    path
        A folder, or a matrix in it.
    library
        Which slide, by the prefix of its files, or which binning, such as ``square_008um``, where
        there are several.

    Raises
    ------
    InputError
        No such files, or those of several slides or binnings of which none is named.
    """
    path = Path(path)
    if path.is_file():
        return _complete(path, path.parent, _prefix_of(path))
    root = _root(path, library)
    matrices = _matrices(root)
    prefix = ""
    if matrices:
        prefix = _choose(matrices, library, root)
        return _complete(matrices[prefix], root, prefix)
    return _complete(None, root, prefix)


def name_of_folder(path: str | Path) -> str:
    """Return the name of a slide by its folder: the first above those that Space Ranger names."""
    path = Path(path).absolute()
    if path.is_file():
        path = path.parent
    for each in (path, *path.parents):
        if not _EVERYWHERE.fullmatch(each.name):
            return each.name
    return path.name


def _root(path: Path, library: str | None) -> Path:
    """Return the folder that holds matrix and ``spatial/``."""
    if path.name == _SPATIAL and not _matrices(path):
        path = path.parent
    if _is_mtx_folder(path) and (path.parent / _SPATIAL).is_dir():
        path = path.parent
    if not _matrices(path) and (path / _OUTS).is_dir():
        path = path / _OUTS
    binned = path if path.name == _BINS else path / _BINS
    if not binned.is_dir() or _matrices(path):
        _refuse_cells(path)
        return path
    found = {each.name: each for each in sorted(binned.glob("square_*um")) if each.is_dir()}
    if library in found:
        return found[library]
    if len(found) == 1 and library is None:
        return next(iter(found.values()))
    usual = next((name for name in ("square_008um", *found) if name in found), "")
    raise InputError(
        f"{path} is Visium HD output with {len(found)} binnings",
        expected=f"one of {listing(found) or 'square_008um, square_016um'}",
        got=repr(library) if library else "none named",
        fix=f"give {binned / usual}, or library={usual!r}" if usual else "check the folder",
    )


def _refuse_cells(path: Path) -> None:
    """Raise for a folder with segmented cells alone: they are no spots on a grid."""
    if (path / "segmented_outputs").is_dir() and not (path / _SPATIAL).is_dir():
        raise InputError(
            f"{path} has segmented cells, which cannot be read as spots",
            expected="binned_outputs/square_008um beside it",
            fix="run Space Ranger with binning, or write the cells as h5ad with obsm['spatial']",
        )


def _matrices(root: Path) -> dict[str, Path]:
    """Return the best matrix of each prefix: filtered before raw, h5 before mtx."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        match, flat = _MATRIX.fullmatch(path.name), _FLAT.fullmatch(path.name)
        if match and path.is_file() and path.suffix == ".h5":
            rank = 0 if match["kind"] == "filtered" else 3
        elif match and path.is_dir() and _is_mtx_folder(path):
            rank = 1 if match["kind"] == "filtered" else 4
        elif flat and path.is_file():
            match, rank = flat, 5 if "raw" in path.name[len(flat["prefix"]) :] else 2
        else:
            continue
        found.setdefault(match["prefix"], []).append((rank, path))
    return {prefix: min(paths)[1] for prefix, paths in found.items()}


def _is_mtx_folder(path: Path) -> bool:
    return path.is_dir() and any(path.glob("matrix.mtx*"))


def _prefix_of(path: Path) -> str:
    match = _MATRIX.fullmatch(path.name) or _FLAT.fullmatch(path.name)
    return match["prefix"] if match else ""


def _choose(matrices: dict[str, Path], library: str | None, root: Path) -> str:
    """Return the prefix of the slide that is meant."""
    if library in (None, root.name) and len(matrices) == 1:  # a folder of one binning, or slide
        return next(iter(matrices))
    if library in matrices:
        return library
    close = [prefix for prefix in matrices if library and library in re.split(r"[_.-]", prefix)]
    if len(close) == 1:
        return close[0]
    raise InputError(
        f"{root} holds the matrices of {len(matrices)} slides"
        if library is None
        else f"{root} has no slide {library!r}",
        expected=f"one of {listing([prefix or 'no prefix' for prefix in matrices], 10)}",
        fix=f"name it by the prefix of its files: library={next(iter(matrices))!r} (column library "
        "of slides.csv)",
    )


def _complete(matrix: Path | None, root: Path, prefix: str) -> Layout:
    """Return the layout with positions and scale factors of the same prefix."""
    above = root.parent if _is_mtx_folder(root) else root
    folders = [above / _SPATIAL, above / f"{prefix}_{_SPATIAL}", above]
    positions = _one(folders, _POSITIONS, prefix)
    if positions is None:
        raise InputError(
            f"{root} is not a Space Ranger output"
            if matrix is None
            else f"no spot positions in {above / _SPATIAL}",
            expected=_EXPECTED
            if matrix is None
            else "tissue_positions.csv, "
            "tissue_positions_list.csv or tissue_positions.parquet, there or beside the matrix",
            got=f"{listing(sorted(p.name for p in above.iterdir()), 8) or 'an empty folder'}",
            fix="give the folder `outs` that Space Ranger wrote, or the one above it",
        )
    raw = matrix is not None and "raw" in matrix.name[len(prefix) :]
    return Layout(matrix, positions, _one(folders, _FACTORS, prefix), raw)


def _one(folders: list[Path], pattern: re.Pattern[str], prefix: str) -> Path | None:
    """Return the file of this prefix; of another, if there is only one."""
    for folder in folders:
        if not folder.is_dir():
            continue
        found = [(match["prefix"], path) for path in sorted(folder.iterdir())
                 if path.is_file() and (match := pattern.fullmatch(path.name))]  # fmt: skip
        own = [path for each, path in found if each == prefix] or [
            p for each, p in found if not each
        ]
        if own or len({each for each, _ in found}) == 1:
            # tissue_positions.csv before …_list.csv before .parquet
            paths = own or [path for _, path in found]
            return min(paths, key=lambda path: ("list" in path.name, ".parquet" in path.name))
    return None
