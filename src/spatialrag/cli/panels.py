"""Panels of ``--help``: which options stand together, for every verb alike."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # typer has click within; the package of that name is not installed with it
    from typer._click import Command

INPUT, ENCODER, METHOD, OUTPUT, ADVANCED = "Input", "Encoder", "Method", "Output", "Advanced"
_OPTIONS = {
    INPUT: "slides her2st hest sections slide spots grid-um image mpp pitch-um library data "
    "cells type-column type-map proportions profiles profile-types measured truth section "
    "layer gene-column exclude-slide exclude-donor regions gmt gene-sets spot gene aliases "
    "census-tissue census-disease census-assay census-version census-uri per-type donor-column",
    ENCODER: "encoder patch-um context context-um thumbnail-px encoder-device mode",
    METHOD: "preset backbone method anchors initial n-domains leave strength image-weight "
    "smoothing centring tune seed semantics dataset refine references retrieved steps core global",
    OUTPUT: "out json overwrite csv figure markers top wide drop-missing attention carriers "
    "checkpoint scale",
}
_FEW = 8  # options that need no panels
PANELS = {f"--{name}": panel for panel, names in _OPTIONS.items() for name in names.split()}


def arrange(command: "Command") -> None:
    """Put the options of a verb, or of every verb of a group, into panels; flags name no type.

    An option that is in no panel is an advanced one. A verb of few options keeps one panel.

    Parameters
    ----------
    command
        As typer makes it.
    """
    for verb in getattr(command, "commands", {}).values():
        arrange(verb)
    options: list[Any] = [each for each in command.params if each.param_type_name == "option"]
    help_option = command.get_help_option(command.context_class(command))
    for option in (*options, help_option):
        if option is not None and option.is_flag:
            option.metavar = ""
    if len(options) > _FEW:
        for option in options:
            option.rich_help_panel = _panel_of(option.opts)
        command.params.sort(key=_place)


def _panel_of(names: list[str]) -> str:
    return next((PANELS[name] for name in names if name in PANELS), ADVANCED)


def _place(parameter: Any) -> int:
    """Return where a parameter stands: arguments first, then panels in their order."""
    panel = getattr(parameter, "rich_help_panel", None)
    return 0 if panel is None else 1 + [*_OPTIONS, ADVANCED].index(panel)
