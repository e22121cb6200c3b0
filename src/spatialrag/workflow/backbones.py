"""A backbone as a recipe states it: a preset, and settings that differ from it."""

import difflib
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from typing import Any, cast

from spatialrag.errors import InputError, raise_all
from spatialrag.prediction.backbones.backbone import Backbone, NetworkBackbone, with_fitting
from spatialrag.registry import backbones

PRESETS = ("default", "published")
_PRESET, _FITTING = "preset", "fitting"
_SET_ELSEWHERE = (_FITTING, "tiles", "seed", "device")  # by the experiment, not by a backbone


def configured(name: str, stated: Mapping[str, Any]) -> Backbone:
    """Return the settings of a registered backbone with what a recipe states of it.

    Parameters
    ----------
    name
        Under which it is registered.
    stated
        ``preset`` (``default`` or ``published``) and any setting of the backbone or of how its
        network is trained (`Fitting`), by name.

    Raises
    ------
    InputError
        Settings that the backbone does not have, each with the nearest one, a preset that it does
        not have, and values that its settings refuse.
    """
    kind = backbones.get(name)
    preset = stated.get(_PRESET, PRESETS[0])
    if preset not in PRESETS or (preset != PRESETS[0] and not hasattr(kind, preset)):
        raise InputError(
            f"[backbones.{name}] has no preset {preset!r}",
            expected=" or ".join(
                word for word in PRESETS if word == "default" or hasattr(kind, word)
            ),
        )
    settings = kind() if preset == PRESETS[0] else getattr(kind, preset)()
    own = _settable(settings)
    trained = _settable(settings.fitting) if isinstance(settings, NetworkBackbone) else {}
    changes = {key: value for key, value in stated.items() if key != _PRESET}
    raise_all(
        [
            _fault(key, [_PRESET, *own, *trained])
            for key in changes
            if key not in {**own, **trained}
        ],
        subject=f"[backbones.{name}]",
    )
    if isinstance(settings, NetworkBackbone):
        fitting = {key: value for key, value in changes.items() if key in trained}
        settings = with_fitting(settings, replace(settings.fitting, **fitting))
    return cast(Backbone, replace(settings, **{k: v for k, v in changes.items() if k in own}))


def _settable(settings: Any) -> dict[str, Field]:
    return {
        each.name: each
        for each in fields(settings)
        if each.init and each.name not in _SET_ELSEWHERE
    }


def _fault(key: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}"
    return f"unknown setting {key!r}; {hint}"
