"""Published encoders at a tiny size, with random weights, saved as their users find them."""

from dataclasses import replace

import pytest

from spatialrag.encoders.zoo import zoo

TINY_VIT = {"depth": 1, "embed_dim": 48, "num_heads": 2}


def tiny(name):
    """An entry of the table, its network made small; the rest of the line stays."""
    entry = zoo()[name]
    if name == "resnet50":
        arguments = {"layers": (1, 1, 1, 1), "channels": (4, 4, 4, 4)}
        return replace(entry, arguments=arguments, size_px=32, dim=16)
    if entry.loader == "timm":
        side = 4 * entry.arguments.get("patch_size", 14 if "14" in entry.architecture else 16)
        arguments = entry.arguments | TINY_VIT | {"img_size": side}
        return replace(entry, arguments=arguments, size_px=side, resize_px=entry.resize_px and 80)
    return replace(entry, size_px=32)


@pytest.fixture
def tiny_zoo(monkeypatch):
    pytest.importorskip("timm")
    table = {name: tiny(name) for name in zoo()}
    monkeypatch.setattr("spatialrag.encoders.load.zoo", lambda: table)
    return table
