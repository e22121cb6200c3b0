"""Fetch a cohort's files: resumed where they broke off, checked, and recorded."""

import hashlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from spatialrag.datasets.manifest import Cohort, RemoteFile, Source
from spatialrag.errors import InputError, MissingDependencyError, listing, raise_all
from spatialrag.progress import track

RECORD = "fetched.json"
_BLOCK = 1 << 20
_TIMEOUT = 60


def fetch(cohort: Cohort, folder: str | Path, *, slides: Sequence[str] | None = None) -> Path:
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
        Unknown slides, no network, a gated source without access, or a wrong checksum.
    """
    chosen = list(slides or cohort.slides)
    unknown = set(chosen) - set(cohort.slides)
    if unknown:
        raise InputError(
            f"{cohort.name} has no slide {listing(sorted(unknown))}",
            expected=listing(cohort.slides, 40),
        )
    target = Path(folder) / cohort.name
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


def verify(cohort: Cohort, folder: str | Path) -> int:
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
    expected = json.loads(record.read_text())["sha256"]
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


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetch_files(wanted: Sequence[RemoteFile], target: Path) -> None:
    for file in track(wanted, label="fetch", total=len(wanted)):
        path = target / file.path
        if path.is_file() and (not file.sha256 or sha256(path) == file.sha256):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        _download(file.url, partial)
        if file.sha256 and (found := sha256(partial)) != file.sha256:
            partial.unlink()
            raise InputError(
                f"{file.url} is not the file of the manifest",
                expected=f"sha256 {file.sha256}",
                got=f"sha256 {found}",
                fix="fetch again; if it differs again, the publisher changed the file",
            )
        partial.replace(path)


def _download(url: str, partial: Path) -> None:
    """Download into a partial file, from where an earlier try broke off."""
    start = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url)
    if start and url.startswith("http"):
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as stream:
            resumed = getattr(stream, "status", None) == 206
            with partial.open("ab" if resumed else "wb") as out:
                while block := stream.read(_BLOCK):
                    out.write(block)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # everything was there already
            return
        raise InputError(f"{url} answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, OSError) as error:
        raise InputError(
            f"{url} cannot be reached",
            got=str(error),
            fix="check the network and run the command again: it goes on where it stopped",
        ) from error


def _fetch_hub(cohort: Cohort, source: Source, slides: list[str], target: Path) -> None:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError(
            "huggingface-hub", extra="hub", needed_for=f"fetching {cohort.name} from the hub"
        ) from error
    patterns = [
        pattern.format(slide=slide)
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
            got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            fix=f"{steps}; then run the command again: it goes on where it stopped",
        ) from error


def _fetch_git(source: Source, target: Path) -> None:
    if (target / ".git").is_dir():
        return
    revision = ["--branch", source.revision] if source.revision else []
    command = ["git", "clone", "--quiet", "--depth", "1", *revision, source.repository, str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise InputError("git is needed to fetch this cohort and is not installed") from error
    except subprocess.CalledProcessError as error:
        raise InputError(
            f"{source.repository} cannot be cloned",
            got=error.stderr.strip(),
            fix="check the network",
        ) from error


def _write_record(cohort: Cohort, target: Path) -> None:
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
    aside = target / f".{RECORD}.partial"
    aside.write_text(json.dumps(record, indent=1) + "\n")
    aside.replace(target / RECORD)
