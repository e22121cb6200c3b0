"""The manifest: which cohorts there are, under what licence, and where their files lie."""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from spatialrag.cells.census import CensusQuery
from spatialrag.errors import InputError, listing, raise_all
from spatialrag.file_names import file_name
from spatialrag.web_address import check_address

SCHEMA = 1
KINDS = {
    "url": ("files",),
    "hub": ("repository", "patterns"),
    "git": ("repository",),
}
_REQUIRED = ("name", "title", "organ", "species", "licence", "citation", "source")
_ACCESS = ("open", "gated")
RECORD = "fetched.json"  # of a fetched cohort: not the name of one of its files
_REPOSITORY = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9_](?!.*\.\.)[\w./-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file by address.

    Parameters
    ----------
    url
        ``https://``, ``file://``, or ``http://`` on this machine.
    path
        Where it goes, relative to the cohort's folder.
    sha256
        Its checksum; recorded at the first fetch where the publisher states none.
    redirects
        Hosts to which the server may redirect; else it stays on its own.

    Raises
    ------
    InputError
        Another kind of address, a path that leads out of the cohort or hides in it, or no checksum.
    """

    url: str
    path: str
    sha256: str = ""
    redirects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_address(self.url, subject=f"the file {self.path}", schemes=("https", "file"))
        parts = self.path.split("/")
        if any(file_name(part) != part for part in parts) or parts[0] == RECORD:
            raise InputError(
                "a file needs a path within the cohort",
                expected="names and slashes, such as st/A1.h5ad",
                got=repr(self.path),
            )
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            raise InputError(f"the sha256 of {self.path} is none", expected="64 digits of 0-9a-f")


@dataclass(frozen=True)
class Source:
    """Where files of a cohort come from.

    Parameters
    ----------
    kind
        ``url`` (files by address), ``hub`` (a data set repository of the Hugging Face hub) or
        ``git``.
    files
        Files of ``url``.
    repository, revision
        Repository and revision of ``hub`` and ``git``.
    patterns
        Patterns of ``hub``: file names, ``{slide}`` standing for each slide.

    Raises
    ------
    InputError
        A repository or revision that is not the name of one.
    """

    kind: str
    files: tuple[RemoteFile, ...] = ()
    repository: str = ""
    revision: str = ""
    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "git":
            check_address(self.repository, subject="the git repository", schemes=("https", "file"))
        if self.kind == "hub" and not _REPOSITORY.fullmatch(self.repository):
            raise InputError(
                "this is no repository of the hub", expected="OWNER/NAME", got=repr(self.repository)
            )
        if self.revision and not _REVISION.fullmatch(self.revision):
            raise InputError(
                f"{self.revision!r} is no revision", expected="a branch, tag or commit by name"
            )


@dataclass(frozen=True)
class CohortEntry:
    """One entry: slides with H&E and expression, and the single cells that go with them.

    Parameters
    ----------
    name, title, organ, species, technology
        What it is.
    licence, citation
        As stated by its publisher.
    access
        ``open``, or ``gated``: terms must be accepted, and a token is needed.
    slides, donors
        Names of slides, number of donors (None where not known).
    census
        The cells that go with it, or None.
    sources
        Where its files come from.
    note
        What to know before use.

    Raises
    ------
    InputError
        A name that is not safe as the name of a folder.

    Examples
    --------
    >>> from spatialrag.datasets import read_manifest
    >>> next(iter(read_manifest().values())).species != ""
    True
    """

    name: str
    title: str
    organ: str
    species: str
    licence: str
    citation: str
    sources: tuple[Source, ...]
    technology: str = ""
    access: str = "open"
    slides: tuple[str, ...] = ()
    donors: int | None = None
    census: CensusQuery | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if file_name(self.name) != self.name:
            raise InputError(
                f"{self.name!r} cannot be the name of a cohort: it names a folder",
                expected="letters, digits and hyphens",
            )


def read_manifest(path: str | Path | None = None) -> dict[str, CohortEntry]:
    """Return the cohorts of a manifest by name; of the one that ships when none is given.

    Raises
    ------
    InputError
        Not TOML, a newer schema, or entries with faults, all listed.

    Examples
    --------
    >>> len(read_manifest()) > 0
    True
    """
    source = files("spatialrag.datasets").joinpath("manifest.toml") if path is None else Path(path)
    try:
        record = tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"the manifest {path} does not exist") from error
    except OSError as error:
        raise InputError(f"the manifest {path} cannot be read", got=str(error)) from error
    except (ValueError, RecursionError) as error:  # other encodings, other syntax, too deep
        raise InputError(f"the manifest {path} is not TOML", got=str(error)) from error
    if record.get("schema") != SCHEMA:
        raise InputError(
            "a manifest of another schema",
            expected=f"schema = {SCHEMA}",
            got=str(record.get("schema")),
        )
    entries = record.get("cohort", [])
    if not _is_list_of(entries, dict):
        raise InputError("the manifest lists no cohorts", expected="tables [[cohort]]")
    names = [str(entry.get("name", f"entry {i + 1}")) for i, entry in enumerate(entries)]
    faults = [f"{name}: named twice" for name in {n for n in names if names.count(n) > 1}]
    cohorts = {}
    for name, entry in zip(names, entries, strict=True):
        found = _faults(entry)
        try:
            if not found:
                cohorts[name] = _cohort(entry)
        except InputError as error:
            found = [str(error).replace("\n", "\n    ")]
        faults += [f"{name}: {fault}" for fault in found]
    raise_all(faults, subject="the manifest", fix="see docs/howto/add_a_cohort.md")
    return cohorts


def find_cohort(cohorts: dict[str, CohortEntry], name: str) -> CohortEntry:
    """Return a cohort by name, or raise `InputError` with the nearest name.

    Examples
    --------
    >>> cohorts = read_manifest()
    >>> name = next(iter(cohorts))
    >>> find_cohort(cohorts, name).name == name
    True
    """
    if name not in cohorts:
        nearest = difflib.get_close_matches(name, cohorts, n=1)
        raise InputError(
            f"no cohort is called {name!r}",
            expected=listing(cohorts, 40),
            fix=f"did you mean {nearest[0]!r}?" if nearest else "spatialrag datasets list",
        )
    return cohorts[name]


def _is_list_of(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


_CHECKS: dict[object, tuple[str, Callable[[object], bool]]] = {
    str: ("text", lambda value: isinstance(value, str)),
    tuple[str, ...]: ("list of texts", lambda value: _is_list_of(value, str)),
    int | None: ("number", lambda value: isinstance(value, int)),
}


def _shape_faults(entry: dict[str, Any], kind: type, aside: Iterable[str] = ()) -> list[str]:
    """Return the faults of a table: unknown keys, and values of another type than the field."""
    types = {field.name: field.type for field in fields(kind)}
    faults = [f"unknown key {name!r}" for name in entry if name not in {*types, *aside}]
    for name, value in entry.items():
        word, fits = _CHECKS.get(types.get(name), ("", lambda _: True))
        faults += [f"{name} is {value!r}, which is no {word}"] * (not fits(value))
    return faults


def _faults(entry: dict[str, Any]) -> list[str]:
    faults = [f"{name} is missing" for name in _REQUIRED if not entry.get(name)]
    faults += _shape_faults(
        {k: v for k, v in entry.items() if k != "sources"}, CohortEntry, ["source"]
    )
    faults += ["unknown key 'sources'"] * ("sources" in entry)
    if entry.get("access", "open") not in _ACCESS:
        faults.append(f"access is {entry['access']!r}, not one of {', '.join(_ACCESS)}")
    if "census" in entry:
        faults += _census_faults(entry["census"])
    sources = entry.get("source", [])
    if not _is_list_of(sources, dict):
        return [*faults, "its sources are no tables [[cohort.source]]"]
    return faults + [fault for source in sources for fault in _source_faults(source)]


def _census_faults(census: object) -> list[str]:
    if not isinstance(census, dict) or not _is_list_of(census.get("tissue"), str):
        return ["census needs a list of tissues"]
    known = {"tissue", "disease", "organism"}
    faults = [f"unknown key {name!r} of census" for name in census if name not in known]
    fits = _is_list_of(census.get("disease", []), str) and isinstance(
        census.get("organism", ""), str
    )
    return faults + ["census has a disease or organism that is no text"] * (not fits)


def _source_faults(source: dict[str, Any]) -> list[str]:
    kind, found = source.get("kind"), source.get("files", [])
    if kind not in KINDS:
        return [f"source kind {kind!r} is not one of {', '.join(KINDS)}"]
    faults = [f"source {kind} has no {name}" for name in KINDS[kind] if not source.get(name)]
    faults += _shape_faults({k: v for k, v in source.items() if k != "files"}, Source)
    if not _is_list_of(found, dict):
        return [*faults, "files is no list of tables"]
    for file in found:
        faults += _shape_faults(file, RemoteFile)
        if not file.get("url") or not file.get("path"):
            faults.append(f"a file needs url and a path within the cohort: {file}")
    return faults


def _cohort(entry: dict[str, Any]) -> CohortEntry:
    plain = {key: value for key, value in entry.items() if key not in ("source", "census")}
    census = entry.get("census")
    if census is not None:
        census = CensusQuery(
            tuple(census["tissue"]),
            disease=tuple(census.get("disease", ())),
            organism=census.get("organism", "Homo sapiens"),
        )
    sources = tuple(
        Source(
            kind=source["kind"],
            files=tuple(
                RemoteFile(**file | {"redirects": tuple(file.get("redirects", ()))})
                for file in source.get("files", ())
            ),
            repository=source.get("repository", ""),
            revision=source.get("revision", ""),
            patterns=tuple(source.get("patterns", ())),
        )
        for source in entry["source"]
    )
    return CohortEntry(
        **{**plain, "slides": tuple(entry.get("slides", ()))}, census=census, sources=sources
    )
