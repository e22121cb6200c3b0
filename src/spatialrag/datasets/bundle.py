"""A bank to share: one zip file with the bank, its checksums and a data card."""

import hashlib
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.bank.store import describe, verify_bank, write_bank
from spatialrag.datasets.fetch import sha256
from spatialrag.datasets.manifest import CohortEntry
from spatialrag.errors import InputError, raise_all
from spatialrag.file_names import file_name
from spatialrag.outputs import check_output, writing
from spatialrag.replace import replace_file, scratch_folder
from spatialrag.tables.markdown import markdown_table

CARD, CHECKSUMS = "DATA_CARD.md", "checksums.json"
_FOLDER = "bank.zarr"
_LARGEST = 1 << 22  # bytes of the card, and of the checksums
_BLOCK = 1 << 20


def export_bank(bank: str | Path, out: str | Path, *, cohort: CohortEntry) -> Path:
    """Write a bank as a bundle: verified first, aside first, then put in place.

    The bundle holds what was verified, written anew: no other file that lies in the bank's folder,
    nothing that a link there leads to, and one generation of it.

    Parameters
    ----------
    bank
        The bank, e.g. ``bank.zarr``.
    out
        The bundle, ``.zip``.
    cohort
        What the bank was built from: its licence and citation go with it.

    Raises
    ------
    InputError
        A damaged bank, or an ``out`` that exists, is no ``.zip`` or cannot be written.

    Examples
    --------
    >>> cohort = read_manifest()["her2st"]  # doctest: +SKIP
    >>> export_bank(bank, "her2st.zip", cohort=cohort)  # doctest: +SKIP
    """
    bank, out = Path(bank), Path(out)
    if out.suffix != ".zip":
        raise InputError(f"{out.name} is not a bundle", expected="a name that ends in .zip")
    if out.exists():
        raise InputError(f"{out} exists", fix="choose another path")
    check_output(out)
    verified = verify_bank(bank)
    with scratch_folder(out) as scratch:
        store = write_bank(verified, scratch / _FOLDER)
        files = sorted(path for path in store.rglob("*") if path.is_file())
        names = [path.relative_to(scratch).as_posix() for path in files]
        checksums = {name: sha256(path) for name, path in zip(names, files, strict=True)}
        with replace_file(out) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(CARD, data_card(describe(verified), cohort))  # Zarr is compressed
            archive.writestr(CHECKSUMS, json.dumps(checksums, indent=1) + "\n")
            for path, name in zip(files, names, strict=True):
                archive.write(path, name)
    return out


def import_bank(bundle: str | Path, bank: str | Path, *, overwrite: bool = False) -> Bank:
    """Unpack the bank of a bundle, verify it, and put it in place.

    Parameters
    ----------
    bundle
        As `export_bank` writes it.
    bank
        Where the bank goes, e.g. ``bank.zarr``.
    overwrite
        Whether it replaces a bank that is there.

    Raises
    ------
    InputError
        Not a bundle; members that lead out of it, are compressed, listed twice, missing or not what
        the checksums say; or a bank that does not verify. Nothing is left then.
    """
    bundle, bank = Path(bundle), Path(bank)
    if bank.exists() and not overwrite:
        raise InputError(f"{bank} exists", fix="choose another path, or overwrite=True")
    check_output(bank, folder=True)
    if not bundle.is_file():
        raise InputError(f"the bundle {bundle} does not exist")
    try:
        with zipfile.ZipFile(bundle) as archive, scratch_folder(bank) as scratch:
            for member, checksum in _members(archive, bundle):
                with writing(bank):
                    _unpack(archive, member, checksum, scratch, bundle)
            verified = verify_bank(scratch / _FOLDER)
            write_bank(verified, bank, overwrite=overwrite)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InputError(
            f"{bundle} is not a bundle of a bank",
            expected="what `spatialrag datasets export` writes",
            got=f"{type(error).__name__}: {error}",
        ) from error
    return verified


def _members(archive: zipfile.ZipFile, bundle: Path) -> list[tuple[zipfile.ZipInfo, str]]:
    """Return the members of the bank with their checksums, after checking all of them."""
    infos = {info.filename: info for info in archive.infolist()}
    faults = ["members listed twice"] * (len(infos) < len(archive.infolist()))
    checksums = _checksums(archive, infos.get(CHECKSUMS), bundle)
    wanted = {name for name in infos if name not in (CARD, CHECKSUMS)}
    faults += [f"{name!r} is not in the bundle" for name in sorted(checksums.keys() - wanted)]
    faults += [f"{name!r} has no checksum" for name in sorted(wanted - checksums.keys())]
    for name, info in infos.items():
        parts = name.split("/")
        if name in wanted and (
            parts[0] != _FOLDER or any(part != file_name(part) for part in parts)
        ):
            faults.append(f"{name!r} is no path within the bank")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            faults.append(f"{name!r} is compressed, which bundles are not")
        kind = info.external_attr >> 28
        if info.is_dir() or kind not in (0, 0o10):  # of Unix: unknown, a regular file
            faults.append(f"{name!r} is a folder, link or device")
    raise_all(faults[:20], subject=str(bundle), fix="fetch the bundle again")
    return [(infos[name], checksum) for name, checksum in checksums.items()]


def _checksums(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, bundle: Path
) -> dict[str, str]:
    try:
        if info is None or info.file_size > _LARGEST or info.compress_size != info.file_size:
            raise ValueError(f"no {CHECKSUMS}")
        found = json.loads(archive.read(info))
        if not found or not all(isinstance(text, str) for text in [*found, *found.values()]):
            raise ValueError(f"{CHECKSUMS} is no table of names and checksums")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{bundle} is not a bundle of a bank",
            expected="what `spatialrag datasets export` writes",
            got=str(error),
        ) from error
    return dict(found)


def _unpack(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, checksum: str, scratch: Path, bundle: Path
) -> None:
    place = scratch / PurePosixPath(member.filename)
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(member) as packed, place.open("xb") as out:
        while block := packed.read(_BLOCK):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != checksum:
        raise InputError(
            f"{member.filename} of {bundle} is not what was exported", fix="fetch the bundle again"
        )


def data_card(facts: dict[str, Any], cohort: CohortEntry) -> str:
    """Return the card of a bank: what it holds, of whom, and under which terms.

    Parameters
    ----------
    facts
        As `spatialrag.bank.store.describe` returns.
    cohort
        Its source.
    """
    encoder = facts["encoder"]
    columns = ["donor", "spots", "genes", "mpp"]
    slides = (
        pd.DataFrame(facts["slides"])
        .set_index("slide")[columns]
        .rename(columns={"mpp": "µm per pixel"})
    )
    table = markdown_table(slides, index="slide", cell=lambda value, _: str(value or "–"))
    technology = cohort.technology or "technology not stated"
    return f"""# {cohort.title}

A bank of reference spots: AnnData on Zarr v3. `spatialrag datasets import BUNDLE bank.zarr` \
checks and unpacks it; `spatialrag bank info bank.zarr` and `anndata.read_zarr` open it.

- Source: {cohort.name} ({cohort.organ}, {cohort.species}, {technology})
- Licence of the measurements: {cohort.licence}
- Cite: {cohort.citation}
- References: {facts["references"]}, genes: {facts["genes"]} \
({facts["genes_measured_by_every_slide"]} measured by every slide), scale: {facts["scale"]}
- Encoder: {f"{encoder['name']}, {encoder['dim']} dimensions" if encoder else "none"}
- Fingerprint: `{facts["fingerprint"]}`
- Spots without counts: {len(facts["empty_spots"])}

{table}

{cohort.note}
"""
