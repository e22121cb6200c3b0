"""A bank on disk: an AnnData Zarr store that any scverse tool opens."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.bank.bank import Bank, hash_slide
from spatialrag.bank.zarr_store import (
    StoreKind,
    check_hashes,
    damaged,
    parse,
    read_store,
    write_store,
)
from spatialrag.encoders.embeddings import EncoderRecord
from spatialrag.provenance import origin

SCHEMA = 1
BANK = StoreKind("bank", SCHEMA, "spatialrag bank build")


def write_bank(bank: Bank, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bank; an existing one is replaced in one step, or left untouched by a failure.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, or it is not a bank.
    """
    return write_store(to_anndata(bank), path, BANK, overwrite=overwrite)


def open_bank(path: str | Path) -> Bank:
    """Open a bank into memory, after a cheap check (schema, shapes, depths against values).

    Raises
    ------
    BankError
        No bank there, a newer schema, or content that does not add up. `verify_bank` checks all.
    """
    path = Path(path)
    adata = read_store(path, BANK)
    bank = parse(adata, path, from_anndata)
    _check_sums(bank, adata.uns[keys.RECORD], path)
    return bank


def verify_bank(path: str | Path) -> Bank:
    """Open a bank and hash all of its content against what was recorded when it was written."""
    bank = open_bank(path)
    hashes = bank.slides["hash"]
    check_hashes(hashes, lambda slide: hash_slide(bank, slide), part="slide", path=path)
    return bank


def _check_sums(bank: Bank, record: dict[str, Any], path: Path) -> None:
    sums = np.asarray(bank.expression.sum(axis=1, dtype=np.float64)).ravel()
    differs = ~np.isclose(sums, bank.references["total_counts"], rtol=1e-6, atol=1e-6)
    if differs.any():
        first = bank.references.index[differs][0]
        raise damaged(path, f"depths of {differs.sum()} references do not match (first {first})")
    if bank.fingerprint != record["fingerprint"]:
        raise damaged(path, "the fingerprint does not match the slides")
    if bank.embeddings is not None and not np.isfinite(bank.embeddings).all():
        raise damaged(path, "embeddings contain NaN or inf")


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
    if bank.embeddings is not None:
        adata.obsm[keys.embedding_key(bank.encoder.name)] = np.ascontiguousarray(bank.embeddings)
    if bank.thumbnails is not None:
        adata.obsm[keys.THUMBNAIL] = bank.thumbnails
    adata.uns[keys.RECORD] = {
        "schema": SCHEMA,
        "kind": BANK.name,
        "scale": bank.scale,
        "fingerprint": bank.fingerprint,
        "encoder": {} if bank.encoder is None else asdict(bank.encoder),
        "slides": bank.slides.rename_axis("slide"),
        "origin": origin(),
    }
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
        scale=str(record["scale"]),
        embeddings=embeddings,
        encoder=encoder,
        thumbnails=thumbnails,
    )


def _python(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value.item() if hasattr(value, "item") else value for key, value in record.items()}


def describe(bank: Bank) -> dict[str, Any]:
    """Return what `spatialrag bank info` prints, as plain values."""
    everywhere = int(bank.measured_everywhere.sum())
    table = bank.slides.drop(columns="hash").assign(
        spots=bank.references["slide"].value_counts().reindex(bank.slides.index),
        genes=bank.measured.sum(axis=0),
    )
    return {
        "fingerprint": bank.fingerprint,
        "schema": SCHEMA,
        "scale": bank.scale,
        "references": bank.n_references,
        "genes": len(bank.genes),
        "genes_measured_by_every_slide": everywhere,
        "encoder": None if bank.encoder is None else asdict(bank.encoder),
        "empty_spots": bank.references.index[bank.empty].tolist(),
        "slides": table.where(table.notna(), None).reset_index(names="slide").to_dict("records"),
    }
