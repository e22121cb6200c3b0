"""Trained networks of an experiment, kept by what decides them: no network is trained twice."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.expression.normalize import Scale
from spatialrag.locks import locked
from spatialrag.prediction.backbones.backbone import NetworkBackbone, TrainedBackbone, placed
from spatialrag.provenance import fingerprint


@dataclass(frozen=True, eq=False)
class CachedBackbone:
    """A backbone whose networks are written when trained, and read where they are needed again.

    Folds that leave out different slides may keep the same references, and a changed preset of
    GeneRAG changes no network. A training that was killed goes on where it was; of two processes
    that need the same network, one waits for the other. Closed forms are fitted anew.

    Parameters
    ----------
    name
        Under which the backbone is registered.
    settings
        Settings of the backbone, with its seed.
    folder
        Folder of the files.
    device
        Where networks are trained and run; a network counts as the same wherever it was trained.
    """

    name: str
    settings: Any
    folder: Path
    device: str = "cpu"

    def fit(self, bank: Bank, genes: np.ndarray, *, scale: Scale) -> TrainedBackbone:
        """Return the backbone trained to predict these genes on this scale."""
        settings = self.settings
        if not isinstance(settings, NetworkBackbone):
            return settings.fit(bank, genes, scale=scale)
        from spatialrag.prediction.backbones.store import read_backbone, write_backbone
        from spatialrag.prediction.backbones.trained import (
            NetworkSettings,
            TrainedNetwork,
            training_key,
        )

        network = cast(NetworkSettings, settings)

        key = fingerprint(training_key(network, bank, genes, scale=scale), version("spatialrag"))
        path = self.folder / f"{self.name}-{key[:16]}.safetensors"
        with locked(path, wait=None):
            if path.exists():
                return read_backbone(path, bank=bank, tiles=network.tiles, device=self.device)
            checkpoint = path.with_suffix(".training")
            trained = placed(settings, self.device).fit(
                bank, genes, scale=scale, checkpoint=checkpoint
            )
            write_backbone(cast(TrainedNetwork, trained), self.name, path)
        return trained
