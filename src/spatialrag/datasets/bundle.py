"""A bank to share: one zip file with the bank, its checksums and a data card."""

import json
import zipfile
from pathlib import Path
from typing import Any

from spatialrag.bank.store import describe, verify_bank
from spatialrag.datasets.fetch import sha256
from spatialrag.datasets.manifest import Cohort
from spatialrag.errors import InputError

CARD, CHECKSUMS = "DATA_CARD.md", "checksums.json"


def export_bank(bank: str | Path, out: str | Path, *, cohort: Cohort) -> Path:
    """Write a bank as a bundle: verified first, aside first, then put in place.

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
        A damaged bank, or an ``out`` that exists or is no ``.zip``.
    """
    bank, out = Path(bank), Path(out)
    if out.suffix != ".zip":
        raise InputError(f"{out.name} is not a bundle", expected="a name that ends in .zip")
    if out.exists():
        raise InputError(f"{out} exists", fix="choose another path")
    facts = describe(verify_bank(bank))
    files = sorted(path for path in bank.rglob("*") if path.is_file())
    checksums = {f"bank.zarr/{path.relative_to(bank)}": sha256(path) for path in files}
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.partial")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:  # Zarr is compressed
            archive.writestr(CARD, data_card(facts, cohort))
            archive.writestr(CHECKSUMS, json.dumps(checksums, indent=1) + "\n")
            for path, name in zip(files, checksums, strict=True):
                archive.write(path, name)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return out


def data_card(facts: dict[str, Any], cohort: Cohort) -> str:
    """Return the card of a bank: what it holds, of whom, and under which terms.

    Parameters
    ----------
    facts
        As `spatialrag.bank.store.describe` returns.
    cohort
        Its source.
    """
    encoder = facts["encoder"]
    columns = ("slide", "donor", "spots", "genes", "mpp")
    rows = "\n".join(
        "| " + " | ".join(str(row[name] or "–") for name in columns) + " |"
        for row in facts["slides"]
    )
    technology = cohort.technology or "technology not stated"
    return f"""# {cohort.title}

A bank of reference spots. Open it with `spatialrag bank info bank.zarr` or `anndata.read_zarr`.

- Source: {cohort.name} ({cohort.organ}, {cohort.species}, {technology})
- Licence of the measurements: {cohort.licence}
- Cite: {cohort.citation}
- References: {facts["references"]}, genes: {facts["genes"]} \
({facts["genes_measured_by_every_slide"]} measured by every slide), scale: {facts["scale"]}
- Encoder: {f"{encoder['name']}, {encoder['dim']} dimensions" if encoder else "none"}
- Fingerprint: `{facts["fingerprint"]}`
- Spots without counts: {len(facts["empty_spots"])}

| slide | donor | spots | genes | µm per pixel |
|---|---|---|---|---|
{rows}

{cohort.note}
"""
