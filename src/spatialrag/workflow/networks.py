"""Trained networks of an experiment, kept by what decides them: no network is trained twice."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.prediction.backbones.backbone import Backbone, TrainedBackbone
from spatialrag.provenance import fingerprint, plain


def on_device(settings: Any, device: str) -> Any:  # noqa: ANN401  (any backbone's)
    """Return a backbone's settings with the device it is trained on; networks alone have one."""
    if not hasattr(settings, "fitting"):
        return settings
    return replace(settings, fitting=replace(settings.fitting, device=device))


def train(
    name: str,
    settings: Backbone,
    references: Bank,
    genes: np.ndarray,
    *,
    scale: str,
    device: str,
    folder: Path,
) -> TrainedBackbone:
    """Train a backbone, or read the network that was trained on the same before.

    Folds that leave out different slides may keep the same references, and a changed preset of
    GeneRAG changes no network. A training that was killed goes on where it was; of two processes
    that need the same network, one waits for the other.

    Parameters
    ----------
    name
        Of the backbone.
    settings
        Of the backbone, with its seed.
    references, genes, scale
        What it is trained on.
    device
        Where; the same network counts wherever it was trained.
    folder
        Of the files.
    """
    if not hasattr(settings, "fitting"):
        return settings.fit(references, genes, scale=scale)
    from filelock import FileLock

    from spatialrag.prediction.backbones.store import read_backbone, write_backbone

    decisive = (str(plain(on_device(settings, "cpu"))), scale, version("spatialrag"))
    key = fingerprint(references.fingerprint, genes, *decisive)
    path = folder / f"{name}-{key[:16]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return read_backbone(path, bank=references, tiles=settings.tiles, device=device)
        checkpoint = path.with_suffix(".training")
        placed = on_device(settings, device)
        trained = placed.fit(references, genes, scale=scale, checkpoint=checkpoint)
        write_backbone(trained, name, path)
    return trained
