"""Trained backbones on disk."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialrag.bank.bank import Bank
from spatialrag.encoders.tiles import Tiles
from spatialrag.errors import InputError
from spatialrag.model_file import check_shapes, fits, read_model, write_model
from spatialrag.prediction.backbones.fitting import Fitting
from spatialrag.prediction.backbones.trained import TrainedNetwork
from spatialrag.prediction.features import Features
from spatialrag.provenance import plain
from spatialrag.registry import backbones

SCHEMA = 1
_NETWORK = "network."


def write_backbone(trained: TrainedNetwork, name: str, path: str | Path) -> Path:
    """Write a trained network: the file is replaced whole, or left as it is.

    Parameters
    ----------
    trained
        As ``fit`` returned it.
    name
        Under which its settings are registered.
    path
        The file, ``.safetensors``.

    Examples
    --------
    >>> from spatialrag.prediction.backbones import Fitting, Probe
    >>> settings = Probe(fitting=Fitting(epochs=1, folds=1))
    >>> trained = settings.fit(bank, bank.genes[:5], scale="log1p_cp10k")
    >>> write_backbone(trained, "probe", "probe.safetensors").name
    'probe.safetensors'
    """
    if type(trained.settings) is not backbones.get(name):
        raise InputError(
            f"{type(trained.settings).__name__} is not registered as {name!r}",
            expected="the name its class can be found by when it is read",
        )
    arrays = {
        _NETWORK + key: value.cpu().numpy() for key, value in trained.network.state_dict().items()
    }
    arrays |= {"features.mean": trained.features.mean, "features.spread": trained.features.spread}
    arrays |= {"outputs.centre": trained.centre, "outputs.spread": trained.spread}
    if trained.features.axes is not None:
        arrays["features.axes"] = trained.features.axes
    record = {
        "schema": SCHEMA,
        "backbone": name,
        "settings": plain(trained.settings),
        "genes": trained.genes.tolist(),
        "scale": trained.scale,
        "encoder": str(trained.bank.encoder),
        "epochs": trained.epochs,
    }
    return write_model(path, arrays, record)


def read_backbone(
    path: str | Path, *, bank: Bank, tiles: Tiles | None = None, device: str = "cpu"
) -> TrainedNetwork:
    """Read a trained network.

    Parameters
    ----------
    path
        As `write_backbone` wrote it.
    bank
        References it is used with: embedded as those it was trained on, and measuring its genes.
    tiles
        Where it was trained with tiles: those of the slides it is asked about.
    device
        Where it runs.

    Raises
    ------
    InputError
        Not such a file, a damaged or edited one, another encoder, or genes that the bank lacks.

    Examples
    --------
    >>> trained = read_backbone("probe.safetensors", bank=bank)  # doctest: +SKIP
    """
    path = Path(path)
    arrays, record = read_model(
        path,
        schema=SCHEMA,
        kind="trained backbone",
        writer="write_backbone",
        infinite=("features.spread",),  # of constant dimensions
    )
    with fits(path, "trained backbone"):
        _check(path, arrays, record, bank, tiles)
        return _build(arrays, record, bank, tiles, device)


def _check(
    path: Path,
    arrays: dict[str, np.ndarray],
    record: dict[str, Any],
    bank: Bank,
    tiles: Tiles | None,
) -> None:
    if record["encoder"] != str(bank.encoder):
        raise InputError(
            f"{path.name} was trained on other embeddings",
            expected=record["encoder"],
            got=str(bank.encoder),
            fix="embed the bank as the one it was trained on, or train again",
        )
    bank.columns_of(record["genes"])
    if (record["settings"]["tiles"] is None) != (tiles is None):
        raise InputError(
            f"{path.name} was trained {'without' if tiles else 'with'} tiles",
            fix="pass tiles=embed_tiles(…) exactly when it was trained with them",
        )
    dim, genes = bank.require_encoder().dim, len(record["genes"])
    shapes: dict[str, tuple[int | None, ...]] = {
        "features.mean": (dim,),
        "features.spread": (dim,),
        "outputs.centre": (genes,),
        "outputs.spread": (genes,),
    }
    if "features.axes" in arrays:
        shapes["features.axes"] = (dim, None)
    check_shapes(path, arrays, shapes)


def _build(
    arrays: dict[str, np.ndarray],
    record: dict[str, Any],
    bank: Bank,
    tiles: Tiles | None,
    device: str,
) -> TrainedNetwork:
    values = {**record["settings"], "tiles": tiles}
    settings = _settings(backbones.get(record["backbone"]), values, device)
    axes = arrays.get("features.axes")
    n_inputs = len(arrays["features.mean"]) if axes is None else axes.shape[1]
    network = settings.network(n_inputs, len(record["genes"]))
    state = {
        key.removeprefix(_NETWORK): torch.from_numpy(array)
        for key, array in arrays.items()
        if key.startswith(_NETWORK)
    }
    for key in dict(network.named_buffers()):  # what it remembers is as long as its references
        network.register_buffer(key, torch.empty_like(state[key]))
    network.load_state_dict(state)
    return TrainedNetwork(
        settings,
        np.asarray(record["genes"], str),
        record["scale"],
        bank,
        Features(arrays["features.mean"], arrays["features.spread"], axes),
        arrays["outputs.centre"],
        arrays["outputs.spread"],
        network.to(device).eval(),
        record["epochs"],
    )


def _settings(kind: Any, values: dict[str, Any], device: str) -> Any:
    """Return settings from plain values; nested ones by the class of their defaults."""
    made = {}
    for field in dataclasses.fields(kind):
        # What a file does not name came later: its default leaves a network as it was before.
        if not field.init or field.name not in values:
            continue
        value = values[field.name]
        if isinstance(value, dict) and field.default_factory is not dataclasses.MISSING:
            value = _settings(type(field.default_factory()), value, device)
        made[field.name] = tuple(value) if isinstance(value, list) else value
    if kind is Fitting:
        made["device"] = device
    return kind(**made)
