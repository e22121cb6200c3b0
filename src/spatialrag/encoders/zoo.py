"""The table of published encoders: how each is loaded, fed and cited."""

import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from spatialrag.errors import InputError

LOADERS = ("timm", "transformers", "own", "precomputed")
VECTORS = ("pooled", "class", "class_and_mean", "block3")


@dataclass(frozen=True)
class PublishedEncoder:
    """One line of the table.

    Parameters
    ----------
    name, title
        In the registry, and in words.
    loader
        ``timm``, ``transformers``, ``own`` (needs its publisher's code) or ``precomputed``.
    source
        Repository of the weights.
    dim
        Length of the vector.
    patch_um, size_px
        Side of the patches it was trained on, µm, and of its input, pixels.
    mean, std
        Per channel, of pixels in 0..1.
    pretrained_on, licence, citation
        As its publisher states.
    architecture, arguments, ignored
        Class or timm name, its arguments, and prefixes of weights that the vector does not need.
    resize_px
        Patches are cut at this size and their centre of ``size_px`` is taken; 0 for ``size_px``.
    vector
        How the vector is taken from the network.
    parameters_m
        Millions of parameters, 0 where we cannot build the network.
    gated
        Terms must be accepted before download.
    verified
        Its published weights were loaded by us.
    note
        What to know.
    """

    name: str
    title: str
    loader: str
    source: str
    dim: int
    patch_um: float
    size_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pretrained_on: str
    licence: str
    citation: str
    architecture: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    resize_px: int = 0
    vector: str = "pooled"
    parameters_m: float = 0.0
    gated: bool = False
    verified: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        for what, value, known in (
            ("loader", self.loader, LOADERS),
            ("vector", self.vector, VECTORS),
        ):
            if value not in known:
                raise InputError(
                    f"encoder {self.name!r} has an unknown {what}",
                    expected=f"one of {', '.join(known)}",
                    got=repr(value),
                )


@cache
def zoo() -> dict[str, PublishedEncoder]:
    """Return the table that ships, by name.

    Examples
    --------
    >>> "uni" in zoo()
    True
    """
    text = files("spatialrag.encoders").joinpath("zoo.toml").read_text(encoding="utf-8")
    record = tomllib.loads(text)
    known = {each.name for each in fields(PublishedEncoder)}
    table = {}
    for name, entry in record["encoder"].items():
        channels = record["normalization"][entry.pop("normalization")]
        values = {**entry, **channels, "name": name}
        if unknown := set(values) - known:
            raise InputError(f"zoo.toml: encoder {name!r} has unknown keys {sorted(unknown)}")
        for key in ("mean", "std", "ignored"):
            values[key] = tuple(values.get(key, ()))
        table[name] = PublishedEncoder(**values)
    return table
