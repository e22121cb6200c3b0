"""The manifest: which cohorts there are, under what licence, and where their files lie."""

import difflib
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from spatialrag.cells.census import CensusQuery
from spatialrag.errors import InputError, listing, raise_all

SCHEMA = 1
KINDS = {
    "url": ("files",),
    "hub": ("repository", "patterns"),
    "git": ("repository",),
}
_REQUIRED = ("name", "title", "organ", "species", "licence", "citation", "source")
_ACCESS = ("open", "gated")


@dataclass(frozen=True)
class RemoteFile:
    """One file by address.

    Parameters
    ----------
    url
        ``https://``, ``http://`` or ``file://``.
    path
        Where it goes, relative to the cohort's folder.
    sha256
        Its checksum; recorded at the first fetch where the publisher states none.
    """

    url: str
    path: str
    sha256: str = ""


@dataclass(frozen=True)
class Source:
    """Where files of a cohort come from.

    Parameters
    ----------
    kind
        ``url`` (files by address), ``hub`` (a data set repository of the Hugging Face hub) or
        ``git``.
    files
        Of ``url``.
    repository, revision
        Of ``hub`` and ``git``.
    patterns
        Of ``hub``: file names, ``{slide}`` standing for each slide.
    """

    kind: str
    files: tuple[RemoteFile, ...] = ()
    repository: str = ""
    revision: str = ""
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cohort:
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


def read_manifest(path: str | Path | None = None) -> dict[str, Cohort]:
    """Return the cohorts of a manifest by name; of the one that ships when none is given.

    Raises
    ------
    InputError
        Not TOML, a newer schema, or entries with faults, all listed.
    """
    source = files("spatialrag.datasets").joinpath("manifest.toml") if path is None else Path(path)
    try:
        record = tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"the manifest {path} does not exist") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the manifest {path} is not TOML", got=str(error)) from error
    if record.get("schema") != SCHEMA:
        raise InputError(
            "a manifest of another schema", expected=f"schema = {SCHEMA}", got=record.get("schema")
        )
    entries = record.get("cohort", [])
    names = [str(entry.get("name", f"entry {i + 1}")) for i, entry in enumerate(entries)]
    faults = [f"{name}: named twice" for name in {n for n in names if names.count(n) > 1}]
    for name, entry in zip(names, entries, strict=True):
        faults += [f"{name}: {fault}" for fault in _faults(entry)]
    raise_all(faults, subject="the manifest", fix="see docs/howto/add_a_cohort.md")
    return {name: _cohort(entry) for name, entry in zip(names, entries, strict=True)}


def find_cohort(cohorts: dict[str, Cohort], name: str) -> Cohort:
    """Return a cohort by name, or raise `InputError` with the nearest name."""
    if name not in cohorts:
        nearest = difflib.get_close_matches(name, cohorts, n=1)
        raise InputError(
            f"no cohort is called {name!r}",
            expected=listing(cohorts, 40),
            fix=f"did you mean {nearest[0]!r}?" if nearest else "spatialrag datasets list",
        )
    return cohorts[name]


def _faults(entry: dict[str, Any]) -> list[str]:
    known = {field.name for field in fields(Cohort)} - {"sources"} | {"source"}
    faults = [f"{name} is missing" for name in _REQUIRED if not entry.get(name)]
    faults += [f"unknown key {name!r}" for name in entry if name not in known]
    if entry.get("access", "open") not in _ACCESS:
        faults.append(f"access is {entry['access']!r}, not one of {', '.join(_ACCESS)}")
    for source in entry.get("source", []):
        kind = source.get("kind")
        if kind not in KINDS:
            faults.append(f"source kind {kind!r} is not one of {', '.join(KINDS)}")
            continue
        faults += [f"source {kind} has no {name}" for name in KINDS[kind] if not source.get(name)]
        for file in source.get("files", []):
            relative = Path(file.get("path", "/"))
            if not file.get("url") or relative.is_absolute() or ".." in relative.parts:
                faults.append(f"a file needs url and a path within the cohort: {file}")
    return faults


def _cohort(entry: dict[str, Any]) -> Cohort:
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
            files=tuple(RemoteFile(**file) for file in source.get("files", ())),
            repository=source.get("repository", ""),
            revision=source.get("revision", ""),
            patterns=tuple(source.get("patterns", ())),
        )
        for source in entry["source"]
    )
    return Cohort(
        **{**plain, "slides": tuple(entry.get("slides", ()))}, census=census, sources=sources
    )
