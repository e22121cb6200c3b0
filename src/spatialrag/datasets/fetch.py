"""Fetch a cohort's files: resumed where they broke off, checked, and recorded."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from spatialrag.datasets.manifest import RECORD, CohortEntry, RemoteFile, Source
from spatialrag.errors import InputError, MissingDependencyError, listing, raise_all
from spatialrag.locks import locked
from spatialrag.outputs import writing
from spatialrag.progress import track
from spatialrag.replace import replace_text, scratch_folder
from spatialrag.web import UnreachableError, download
from spatialrag.web_address import clean, show_address

_BLOCK = 1 << 20
# What git is told whatever the repository and the user's settings say: no transport that runs a
# command, no hooks, no links that lead out of the folder, no other host, no endless waiting.
_GIT = {
    "core.hooksPath": os.devnull,
    "core.symlinks": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}
_GIT_ENVIRONMENT = {"GIT_ALLOW_PROTOCOL": "https:http:file", "GIT_TERMINAL_PROMPT": "0"}


def fetch(cohort: CohortEntry, folder: str | Path, *, slides: Sequence[str] | None = None) -> Path:
    """Fetch a cohort into ``folder/<name>``; what is there and right is kept.

    Parameters
    ----------
    cohort
        See `read_manifest`.
    folder
        Where cohorts lie.
    slides
        Only these; all by default.

    Returns
    -------
    Path
        The cohort's folder, with ``fetched.json``: the checksum of every file.

    Raises
    ------
    InputError
        Unknown slides, no network, a gated source without access, a wrong checksum, a file that
        would go elsewhere, or another process that fetches the same.
    """
    chosen = list(slides or cohort.slides)
    unknown = set(chosen) - set(cohort.slides)
    if unknown:
        raise InputError(
            f"{cohort.name} has no slide {listing(sorted(unknown))}",
            expected=listing(cohort.slides, 40),
        )
    target = Path(folder) / cohort.name
    with locked(target), writing(target):
        target.mkdir(parents=True, exist_ok=True)
        for source in cohort.sources:
            if source.kind == "url":
                _fetch_files(source.files, target)
            elif source.kind == "hub":
                _fetch_hub(cohort, source, chosen, target)
            else:
                _fetch_git(source, target)
        _write_record(cohort, target)
    return target


def verify(cohort: CohortEntry, folder: str | Path) -> int:
    """Hash every fetched file against the manifest and the record; return their number.

    Raises
    ------
    InputError
        Nothing was fetched, or files are missing or changed, all listed.
    """
    target = Path(folder) / cohort.name
    record = target / RECORD
    if not record.is_file():
        raise InputError(
            f"{cohort.name} was not fetched into {folder}",
            fix=f"spatialrag datasets fetch {cohort.name} --to {folder}",
        )
    expected = _read_record(record)
    for source in cohort.sources:
        expected |= {file.path: file.sha256 for file in source.files if file.sha256}
    faults = []
    for name, checksum in track(sorted(expected.items()), label="verify", total=len(expected)):
        path = target / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif sha256(path) != checksum:
            faults.append(f"{name} is not what was published or fetched")
    raise_all(faults, subject=str(target), fix="delete these files and fetch again")
    return len(expected)


def _read_record(record: Path) -> dict[str, str]:
    """Return the checksums of the files that were fetched, by name."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))["sha256"]
        if not all(isinstance(name, str) for name in [*found, *found.values()]):
            raise TypeError("sha256 is no table of names and checksums")
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{record} is not what was written",
            got=f"{type(error).__name__}: {error}",
            fix="delete it and fetch again",
        ) from error


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetch_files(wanted: Sequence[RemoteFile], target: Path) -> None:
    for file in track(wanted, label="fetch", total=len(wanted)):
        path = _inside(target, Path(file.path))
        if path.is_file() and (not file.sha256 or sha256(path) == file.sha256):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        _get(file, partial)
        if file.sha256 and (found := sha256(partial)) != file.sha256:
            partial.unlink()
            raise InputError(
                f"{show_address(file.url)} is not the file of the manifest",
                expected=f"sha256 {file.sha256}",
                got=f"sha256 {found}",
                fix="fetch again; if it differs again, the publisher changed the file",
            )
        partial.replace(path)


def _inside(target: Path, relative: Path) -> Path:
    """Return the place of a file of a cohort; links that lead out of its folder are refused."""
    path = target / relative
    if not path.resolve().is_relative_to(target.resolve()):
        raise InputError(
            f"{relative} would be written outside {target}",
            got=f"a link to {path.resolve()}",
            fix="remove the link",
        )
    return path


def _get(file: RemoteFile, partial: Path) -> None:
    """Fetch into a partial file, from where an earlier try broke off."""
    if partial.is_symlink() or (partial.exists() and not partial.is_file()):
        raise InputError(f"{partial} is in the way", got="a link or folder", fix="remove it")
    if urlsplit(file.url).scheme == "file":
        _copy(file.url, partial)
        return
    start = partial.stat().st_size if partial.exists() else 0
    with partial.open("ab") as out:
        try:
            download(
                file.url,
                out.write,
                subject=show_address(file.url),
                start=start,
                hosts=file.redirects,
                restart=lambda: out.truncate(0),
            )
        except UnreachableError as error:
            raise InputError(
                str(error),
                fix="check the network and run the command again: it goes on where it stopped",
            ) from error
        finally:
            if not out.tell():
                partial.unlink()


def _copy(url: str, partial: Path) -> None:
    parts = urlsplit(url)
    source = Path(url2pathname(parts.path))
    if parts.hostname not in (None, "", "localhost") or not source.is_file():
        raise InputError(f"{url} is not a file of this machine")
    shutil.copyfile(source, partial)


def _fetch_hub(cohort: CohortEntry, source: Source, slides: list[str], target: Path) -> None:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError(
            "huggingface-hub", extra="hub", needed_for=f"fetching {cohort.name} from the hub"
        ) from error
    patterns = [
        pattern.replace("{slide}", slide)
        for pattern in source.patterns
        for slide in (slides if "{slide}" in pattern else [""])
    ]
    try:
        snapshot_download(
            source.repository,
            repo_type="dataset",
            revision=source.revision or None,
            allow_patterns=patterns,
            local_dir=target,
        )
    except Exception as error:
        steps = (
            f"accept the terms on the page of {source.repository}, make a token there, and run "
            "`hf auth login`"
            if cohort.access == "gated"
            else "check the network"
        )
        raise InputError(
            f"{cohort.name} cannot be had from the hub"
            + (" (it is gated)" if cohort.access == "gated" else ""),
            expected=f"the data set repository {source.repository}, by network",
            got=clean(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"),
            fix=f"{steps}; then run the command again: it goes on where it stopped",
        ) from error


def _fetch_git(source: Source, target: Path) -> None:
    if (target / ".git").is_dir():
        return
    with scratch_folder(target) as folder:
        clone = folder / "clone"
        _clone(source, clone)
        for file in sorted(clone.rglob("*")):
            relative = file.relative_to(clone)
            if relative.parts[0] != ".git" and file.is_file():
                place = _inside(target, relative)
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
        (clone / ".git").replace(target / ".git")  # last: what was interrupted is fetched again


def _clone(source: Source, folder: Path) -> None:
    settings = [part for name, value in _GIT.items() for part in ("-c", f"{name}={value}")]
    revision = [f"--branch={source.revision}"] if source.revision else []
    options = ["--quiet", "--depth=1", "--no-recurse-submodules", "--template=", *revision]
    command = ["git", *settings, "clone", *options, "--", source.repository, str(folder)]
    environment = os.environ | _GIT_ENVIRONMENT
    try:
        subprocess.run(command, check=True, capture_output=True, env=environment)
    except FileNotFoundError as error:
        raise InputError("git is needed to fetch this cohort and is not installed") from error
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"{show_address(source.repository)} cannot be cloned",
            got=clean(error.stderr.decode(errors="replace").strip()),
            fix="check the network, and that this is the repository's own address",
        ) from error


def _write_record(cohort: CohortEntry, target: Path) -> None:
    found = sorted(
        path
        for path in target.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(target).parts)
        and path != target / RECORD
    )
    record = {
        "cohort": cohort.name,
        "licence": cohort.licence,
        "citation": cohort.citation,
        "sha256": {str(path.relative_to(target)): sha256(path) for path in found},
    }
    replace_text(target / RECORD, json.dumps(record, indent=1) + "\n")
