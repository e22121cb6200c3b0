"""A fitted RAG-ST on disk.

The file holds what was learned; references stay in their banks, which are checked by fingerprint.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.errors import InputError
from spatialrag.model_file import check_shapes, fits, read_model, write_model
from spatialrag.prediction.features import Features
from spatialrag.prediction.ragst.attention import ReferenceAttention
from spatialrag.prediction.ragst.composition import Composition, FittedComposition
from spatialrag.prediction.ragst.first_stage import FirstStage
from spatialrag.prediction.ragst.generator import KEY_COMPONENTS, FittedGenerator, Generator
from spatialrag.prediction.ragst.platform import Platform
from spatialrag.prediction.ragst.ragst import RAGST, FittedRAGST, build_pool
from spatialrag.prediction.ragst.residual import Residual
from spatialrag.provenance import plain
from spatialrag.training.graph import Training

SCHEMA = 1


def write_ragst(fitted: FittedRAGST, path: str | Path) -> Path:
    """Write what was learned: the file is replaced whole, or left as it is.

    Examples
    --------
    >>> fitted = sr.RAGST(cells, residual_share=0.0, generator=quick).fit(bank)
    >>> write_ragst(fitted, "model.safetensors").name
    'model.safetensors'
    """
    stage, head, residual = fitted.stage, fitted.stage.head, fitted.residual
    arrays: dict[str, np.ndarray] = {
        "head.mean": head.features.mean,
        "head.deviation": head.features.spread,
        "head.weights": head.weights,
        "head.bias": head.bias,
        "rows": stage.rows,
        "compositions": stage.compositions,
        "platform.factors": stage.platform.factors,
        "platform.learned": stage.platform.learned,
        "levels": stage.levels,
    }
    if head.features.axes is not None:
        arrays["head.axes"] = head.features.axes
    if residual is not None:
        arrays["residual.coefficients"] = residual.coefficients
        arrays["residual.intercept"] = residual.intercept
        arrays["residual.bound"] = residual.bound
    for name, tensor in fitted.generator.network.state_dict().items():
        arrays[f"network.{name}"] = tensor.cpu().numpy()
    settings = fitted.settings
    record = {
        "schema": SCHEMA,
        "bank": fitted.bank.fingerprint,
        "slides": fitted.bank.slides.index.tolist(),
        "cells": settings.cells.fingerprint,
        "encoder": str(fitted.bank.encoder),
        "types": head.types.tolist(),
        "genes": len(fitted.generator.pool.genes),
        "head": {k: getattr(head, k) for k in ("spread", "penalty", "temperature")},
        "prior": stage.platform.prior,
        "proportions": stage.proportions_from,
        "n_without": stage.n_without,
        "references": settings.references,
        "residual_share": settings.residual_share,
        "composition": plain(settings.composition),
        "generator": plain(settings.generator),
    }
    return write_model(path, arrays, record)


def read_ragst(
    path: str | Path, *, bank: Bank, cells: CellBank, device: str = "cpu"
) -> FittedRAGST:
    """Read a fitted RAG-ST.

    Parameters
    ----------
    path
        As `write_ragst` wrote it.
    bank, cells
        The banks it was fitted on; their content must be the same. Slides of the bank that were
        left out in fitting are left out again.
    device
        Where attention runs.

    Raises
    ------
    InputError
        Not such a file, a newer, damaged or edited one, or banks of other spots, cells, genes,
        types or encoder.

    Examples
    --------
    >>> fitted = read_ragst("model.safetensors", bank=bank, cells=cells)  # doctest: +SKIP
    """
    path = Path(path)
    arrays, record = read_model(
        path,
        schema=SCHEMA,
        kind="fitted RAG-ST",
        writer="`spatialrag ragst fit`",
        infinite=("head.deviation",),  # of constant dimensions
    )
    with fits(path, "fitted RAG-ST"):
        return _build(path, arrays, record, bank, cells, device)


def _build(
    path: Path,
    arrays: dict[str, np.ndarray],
    record: dict[str, Any],
    bank: Bank,
    cells: CellBank,
    device: str,
) -> FittedRAGST:
    if set(record["slides"]) <= set(bank.slides.index):
        bank = bank.select(record["slides"])
    _check(path, record, bank, cells)
    _check_arrays(path, arrays, record, bank, cells)
    settings = RAGST(
        cells,
        None,
        references=record["references"],
        residual_share=record["residual_share"],
        composition=Composition(**record["composition"]),
        generator=_generator(record["generator"], device),
    )
    features = Features(arrays["head.mean"], arrays["head.deviation"], arrays.get("head.axes"))
    head = FittedComposition(
        types=np.asarray(record["types"], str),
        features=features,
        weights=arrays["head.weights"],
        bias=arrays["head.bias"],
        **record["head"],
    )
    learned = arrays["platform.learned"].astype(bool)
    stage = FirstStage(
        rows=arrays["rows"],
        compositions=arrays["compositions"],
        head=head,
        platform=Platform(arrays["platform.factors"], record["prior"], learned),
        genes=cells.genes,
        levels=arrays["levels"],
        proportions_from=record["proportions"],
        n_without=record["n_without"],
    )
    pool = build_pool(settings, bank, stage)
    keys = pool.keys(KEY_COMPONENTS)
    generator = settings.generator
    n_query = len(head.weights) + len(head.types)
    network = ReferenceAttention(
        n_query, keys.shape[1], heads=generator.heads, width=generator.width, dropout=0.0
    )
    prefix = "network."
    state = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    fitted = FittedGenerator(generator, pool, keys, network.to(device).eval())
    residual = None
    if "residual.bound" in arrays:
        residual = Residual(
            **{n: arrays[f"residual.{n}"] for n in ("coefficients", "intercept", "bound")}
        )
    return FittedRAGST(settings, bank, stage, fitted, residual)


def _check(path: Path, record: dict[str, Any], bank: Bank, cells: CellBank) -> None:
    for what, expected, got in (
        ("encoder", record["encoder"], str(bank.encoder)),
        ("spatial bank", record["bank"][:16], bank.fingerprint[:16]),
        ("single-cell bank", record["cells"][:16], cells.fingerprint[:16]),
    ):
        if expected != got:
            raise InputError(
                f"{path} was fitted on another {what}",
                expected=expected,
                got=got,
                fix="give the banks it was fitted on, or fit again",
            )


def _check_arrays(
    path: Path,
    arrays: dict[str, np.ndarray],
    record: dict[str, Any],
    bank: Bank,
    cells: CellBank,
) -> None:
    dim, types, genes = bank.require_encoder().dim, len(record["types"]), len(cells.genes)
    shapes: dict[str, tuple[int | None, ...]] = {
        "head.mean": (dim,),
        "head.deviation": (dim,),
        "head.weights": (None, types),
        "head.bias": (types,),
        "rows": (None,),
        "platform.factors": (genes,),
        "platform.learned": (genes,),
        "levels": (genes,),
    }
    if "head.axes" in arrays:
        shapes["head.axes"] = (dim, arrays["head.weights"].shape[0])
    check_shapes(path, arrays, shapes)
    check_shapes(path, arrays, {"compositions": (len(arrays["rows"]), types)})
    rows = arrays["rows"]
    if len(rows) == 0 or rows.dtype.kind not in "iu" or rows.min() < 0:
        raise InputError(f"{path} names no training spots", fix="fit again")
    if rows.max() >= bank.n_references:
        raise InputError(f"{path} names training spots that the bank lacks", fix="fit again")


def _generator(record: dict[str, Any], device: str) -> Generator:
    training = Training(**record["training"])
    return replace(Generator(**{**record, "training": training}), device=device)
