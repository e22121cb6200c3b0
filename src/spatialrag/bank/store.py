"""A bank on disk: an AnnData Zarr store that any scverse tool opens."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.bank.bank import Bank, former_hash_slide, hash_slide
from spatialrag.bank.content import check_hashes
from spatialrag.bank.tuning import BankTuning
from spatialrag.bank.zarr_store import (
    ZARR_FORMAT,
    StoreKind,
    damaged,
    exclusive,
    parse,
    read_store,
    replace_store,
    require_store,
    write_store,
)
from spatialrag.encoders.embeddings import EncoderRecord
from spatialrag.expression.normalize import check_scale
from spatialrag.provenance import fingerprint, origin
from spatialrag.slides.picture_marks import PictureMarks

SCHEMA = 2  # 1: slides' hashes pass over some names and attributes, and nothing seals the record
BANK = StoreKind("bank", SCHEMA, "spatialrag bank build")


def write_bank(bank: Bank, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bank; an existing one is replaced whole, or left untouched by a failure.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, it is not a bank, another process writes it,
        or it cannot be written.

    Examples
    --------
    >>> sr.write_bank(bank, "written.zarr").name
    'written.zarr'
    """
    return write_store(to_anndata(bank), path, BANK, overwrite=overwrite)


def update_bank(path: str | Path, change: Callable[[Bank], Bank]) -> Bank:
    """Replace a bank by what ``change`` makes of it, and return that.

    ``change`` is given the bank as it is on disk while no other process can write it: of two
    additions at a time, neither is lost. It should be quick, since others wait for it.

    Raises
    ------
    InputError
        No bank there, another process writes it for long, or what ``change`` raises; the bank is
        then as before.
    """
    require_store(path, BANK)  # without one, nothing is made for its lock
    with exclusive(path) as place:
        changed = change(read_bank(place))
        replace_store(to_anndata(changed), place)
    return changed


def read_bank(path: str | Path) -> Bank:
    """Read a bank into memory, after a cheap check (schema, shapes, depths against values).

    Raises
    ------
    BankError
        No bank there, a newer schema, or content that does not add up. `verify_bank` checks all.

    Examples
    --------
    >>> path = sr.write_bank(bank, "bank.zarr", overwrite=True)
    >>> sr.read_bank(path).fingerprint == bank.fingerprint
    True
    """
    return _open(Path(path))[0]


def verify_bank(path: str | Path) -> Bank:
    """Read a bank and compare all of its content with what was recorded when it was written.

    Raises
    ------
    BankError
        As `read_bank`, or slots for other tools that do not follow from the bank.
    InputError
        Slides that are not what was written, all listed.

    Examples
    --------
    >>> verify_bank(sr.write_bank(bank, "checked.zarr")).n_references
    168
    """
    path = Path(path)
    bank, adata = _open(path)
    check_hashes(
        bank.slides["hash"],
        lambda slide: hash_slide(bank, slide),
        lambda slide: former_hash_slide(bank, slide),
        part="slide",
        path=path,
    )
    record = adata.uns[keys.RECORD]
    if int(record.get("schema", 1)) > 1 and record.get("seal") != _seal(record):
        raise damaged(path, "its record (encoder, scale, origin) is not what was written")
    parse(adata, path, lambda stored: _check_slots(stored, to_anndata(bank), path))
    return bank


def _open(path: Path) -> tuple[Bank, ad.AnnData]:
    adata = read_store(path, BANK)
    bank = parse(adata, path, from_anndata)
    parse(adata, path, lambda stored: _check(bank, stored, path))
    return bank, adata


def _check(bank: Bank, adata: ad.AnnData, path: Path) -> None:
    sums = np.asarray(bank.expression.sum(axis=1, dtype=np.float64)).ravel()
    differs = ~np.isclose(sums, bank.references["total_counts"], rtol=1e-6, atol=1e-6)
    if differs.any():
        first = bank.references.index[differs][0]
        raise damaged(path, f"depths of {differs.sum()} references do not match (first {first})")
    donors = bank.slides["donor"].reindex(bank.references["slide"]).to_numpy()
    differs = donors != bank.references["donor"].to_numpy()
    if differs.any():
        first = bank.references.index[differs][0]
        raise damaged(
            path, f"{differs.sum()} references have another donor than their slide (first {first})"
        )
    if bank.fingerprint != adata.uns[keys.RECORD]["fingerprint"]:
        raise damaged(path, "the fingerprint does not match the slides")
    if bank.embeddings is not None and not np.isfinite(bank.embeddings).all():
        raise damaged(path, "embeddings contain NaN or inf")


def _check_slots(stored: ad.AnnData, expected: ad.AnnData, path: Path) -> None:
    """Raise when slots that repeat the bank for other tools say something else."""
    for slot in ("obs", "obsm", "varm"):
        for name, wanted in getattr(expected, slot).items():
            found = getattr(stored, slot).get(name)
            if found is None or not _equal(np.asarray(found), np.asarray(wanted)):
                raise damaged(path, f"{slot}[{name!r}] does not follow from the bank")


def _equal(found: np.ndarray, wanted: np.ndarray) -> bool:
    if wanted.dtype.kind in "biuf":
        return np.array_equal(found, wanted, equal_nan=wanted.dtype.kind == "f")
    return np.array_equal(found.astype(str), wanted.astype(str))


def _seal(record: dict[str, Any]) -> str:
    """Return a hash of the record, less slides and tuning, which have their own."""
    others = ("slides", "seal", "tuning")
    plain = {key: value for key, value in record.items() if key not in others}
    return fingerprint(json.dumps(_python(plain), sort_keys=True, default=str))


def to_anndata(bank: Bank) -> ad.AnnData:
    """Return a bank as AnnData: the form it has on disk."""
    references = bank.references.copy()
    for axis in ("x", "y"):
        references[f"{axis}_um"] = references[axis] * bank.slides["mpp"].to_numpy()[bank.slide_of]
    for column in ("slide", "donor"):
        references[column] = pd.Categorical(references[column])
    adata = ad.AnnData(bank.expression, obs=references, var=pd.DataFrame(index=bank.genes))
    adata.varm[keys.MEASURED] = bank.measured
    adata.obsm[keys.SPATIAL] = bank.references[["x", "y"]].to_numpy(float)
    if bank.embeddings is not None and bank.encoder is not None:
        adata.obsm[keys.embedding_key(bank.encoder.name)] = np.ascontiguousarray(bank.embeddings)
    if bank.thumbnails is not None:
        adata.obsm[keys.THUMBNAIL] = bank.thumbnails
    record = {
        "schema": SCHEMA,
        "kind": BANK.name,
        "scale": bank.scale,
        "fingerprint": bank.fingerprint,
        "encoder": {} if bank.encoder is None else asdict(bank.encoder),
        "slides": bank.slides.rename_axis("slide"),
        "origin": origin(),
    }
    tuning = bank.valid_tuning
    slots = {} if tuning is None else {"tuning": tuning.to_record()}
    adata.uns[keys.RECORD] = record | {"seal": _seal(record)} | slots
    return adata


def from_anndata(adata: ad.AnnData) -> Bank:
    """Return the bank that `to_anndata` turned into AnnData."""
    record = adata.uns[keys.RECORD]
    encoder = EncoderRecord(**_python(record["encoder"])) if record["encoder"] else None
    columns = ["slide", "donor", "barcode", "x", "y", "total_counts"]
    references = adata.obs[columns].astype({"slide": str, "donor": str, "barcode": str})
    thumbnails = adata.obsm.get(keys.THUMBNAIL)
    embeddings = None if encoder is None else adata.obsm[keys.embedding_key(encoder.name)]
    return Bank(
        expression=sparse.csr_matrix(adata.X),
        genes=adata.var_names.to_numpy(str),
        references=references,
        measured=np.asarray(adata.varm[keys.MEASURED]),
        slides=record["slides"],
        scale=check_scale(str(record["scale"])),
        embeddings=embeddings,
        encoder=encoder,
        thumbnails=thumbnails,
        tuning=BankTuning.from_record(record["tuning"]) if "tuning" in record else None,
    )


def _python(record: dict[str, Any]) -> dict[str, Any]:
    """Return Python's own values for numpy's, also within nested dictionaries."""
    return {
        key: _python(value)
        if isinstance(value, dict)
        else (value.item() if hasattr(value, "item") else value)
        for key, value in record.items()
    }


def describe(bank: Bank) -> dict[str, Any]:
    """Return what `spatialrag bank info` prints, as plain values."""
    everywhere = int(bank.measured_everywhere.sum())
    table = bank.slides.drop(columns=["hash", *PictureMarks().columns], errors="ignore").assign(
        spots=bank.references["slide"].value_counts().reindex(bank.slides.index),
        genes=bank.measured.sum(axis=0),
    )
    tuning = bank.valid_tuning
    return {
        "fingerprint": bank.fingerprint,
        "tuned": None if tuning is None else dict(tuning.choice),
        "schema": SCHEMA,
        "format": f"AnnData, Zarr v{ZARR_FORMAT}",
        "scale": bank.scale,
        "references": bank.n_references,
        "genes": len(bank.genes),
        "genes_measured_by_every_slide": everywhere,
        "encoder": None if bank.encoder is None else asdict(bank.encoder),
        "empty_spots": bank.references.index[bank.empty].tolist(),
        "slides": table.where(table.notna(), None).reset_index(names="slide").to_dict("records"),
    }
