"""A bank on disk: an AnnData Zarr store that any scverse tool opens.

A bank is never changed in place. The new one is written beside the old, then two renames switch
them: ``bank.zarr`` to ``.bank.zarr.old``, ``.bank.zarr.new`` to ``bank.zarr``. A process killed in
between leaves the old bank whole under one of the two names, and opening puts it back.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import zarr
from scipy import sparse

from spatialrag import keys
from spatialrag.bank.bank import Bank, hash_slide
from spatialrag.encoders.embeddings import EncoderRecord
from spatialrag.errors import BankError, InputError, raise_all
from spatialrag.provenance import origin

SCHEMA = 1
_CHUNK = 1 << 18  # elements of a one-dimensional chunk
_SHARD = 1 << 22
_ROWS = 256  # rows per chunk of matrices and pictures: spots are read in small groups


def write_bank(bank: Bank, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bank; an existing one is replaced in one step, or left untouched by a failure.

    Raises
    ------
    InputError
        The path exists and ``overwrite`` is not set, or it is not a bank.
    """
    path = Path(path)
    recover(path)
    if path.exists():
        if not overwrite:
            raise InputError(f"{path} exists", fix="choose another path, or overwrite=True")
        _read_record(path)
    aside, old = _aside(path)
    shutil.rmtree(aside, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write_store(to_anndata(bank), aside)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if path.exists():
        path.rename(old)
    aside.rename(path)
    shutil.rmtree(old, ignore_errors=True)
    return path


def open_bank(path: str | Path) -> Bank:
    """Open a bank into memory, after a cheap check (schema, shapes, depths against values).

    Raises
    ------
    BankError
        No bank there, a newer schema, or content that does not add up. `verify_bank` checks all.
    """
    path = Path(path)
    recover(path)
    record = _read_record(path)
    if record.get("schema", 0) > SCHEMA:
        raise BankError(
            f"{path} was written by a newer spatialrag",
            expected=f"bank schema {SCHEMA} or older",
            got=f"schema {record['schema']}",
            fix="upgrade spatialrag",
        )
    try:
        adata = ad.read_zarr(path)
        bank = from_anndata(adata)
    except InputError:
        raise
    except Exception as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    _check_sums(bank, adata.uns[keys.RECORD], path)
    return bank


def verify_bank(path: str | Path) -> Bank:
    """Open a bank and hash all of its content against what was recorded when it was written."""
    bank = open_bank(path)
    raise_all(
        [
            f"slide {slide!r} is not what was written"
            for slide, recorded in bank.slides["hash"].items()
            if hash_slide(bank, slide) != recorded
        ],
        subject=str(path),
        fix="rebuild the bank, or remove these slides and add them again",
    )
    return bank


def recover(path: Path) -> None:
    """Put the old bank back when a switch was interrupted, and clear leftovers."""
    old = _aside(path)[1]
    if old.exists() and not path.exists():
        old.rename(path)
    elif old.exists():
        shutil.rmtree(old, ignore_errors=True)


def _aside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f".{path.name}.new"), path.with_name(f".{path.name}.old")


def _damaged(path: Path, what: str) -> BankError:
    return BankError(
        f"{path} is damaged or was edited", got=what, fix="restore a copy, or rebuild the bank"
    )


def _read_record(path: Path) -> dict[str, Any]:
    """Read ``uns['spatialrag']`` alone."""
    if not path.exists():
        raise BankError(f"{path} does not exist", fix="build a bank: spatialrag bank build")
    try:
        return ad.io.read_elem(zarr.open_group(path, mode="r")[f"uns/{keys.RECORD}"])
    except Exception as error:
        raise BankError(
            f"{path} is not a spatialrag bank",
            expected=f"an AnnData Zarr store with uns[{keys.RECORD!r}]",
            got=f"{type(error).__name__}: {error}",
        ) from error


def _check_sums(bank: Bank, record: dict[str, Any], path: Path) -> None:
    sums = np.asarray(bank.expression.sum(axis=1, dtype=np.float64)).ravel()
    differs = ~np.isclose(sums, bank.references["total_counts"], rtol=1e-6, atol=1e-6)
    if differs.any():
        first = bank.references.index[differs][0]
        raise _damaged(path, f"depths of {differs.sum()} references do not match (first {first})")
    if bank.fingerprint != record["fingerprint"]:
        raise _damaged(path, "the fingerprint does not match the slides")
    if bank.embeddings is not None and not np.isfinite(bank.embeddings).all():
        raise _damaged(path, "embeddings contain NaN or inf")


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


def _write_store(adata: ad.AnnData, path: Path) -> None:
    """Write with explicit chunks and shards: few files, rows read in small groups."""

    def write(
        function: Callable[..., None],
        group: zarr.Group,
        key: str,
        element: object,
        dataset_kwargs: dict[str, Any],
        iospec: object,  # noqa: ARG001  (anndata's calling convention)
    ) -> None:
        array = element.data if sparse.issparse(element) else element
        layout = _layout(array) if isinstance(array, np.ndarray) else {}
        function(group, key, element, dataset_kwargs={**dataset_kwargs, **layout})

    with ad.settings.override(auto_shard_zarr_v3=False):
        group = zarr.open_group(path, mode="w", zarr_format=3)
        ad.experimental.write_dispatched(group, "/", adata, callback=write)
    _synchronize(path)


def _layout(array: np.ndarray) -> dict[str, tuple[int, ...]]:
    if array.dtype.kind not in "biuf" or array.size == 0 or array.ndim == 0:
        return {}
    if array.ndim == 1:
        return {"chunks": (_CHUNK,), "shards": (_SHARD,)}
    rest = array.shape[1:]
    return {"chunks": (_ROWS, *rest), "shards": (_ROWS * 64, *rest)}


def _synchronize(folder: Path) -> None:
    """Flush every file, so that the renames never overtake the data."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


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
