"""The table of methods: what each is for, where it was published, what it needs."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from importlib.resources import files

from spatialrag.errors import InputError

KINDS = ("expression", "backbone", "domains", "solver", "control")


@dataclass(frozen=True)
class MethodRecord:
    """One line of the table.

    Parameters
    ----------
    name
        By which it is asked for.
    kind
        ``expression``, ``backbone``, ``domains``, ``solver`` or ``control``.
    purpose
        What it does, in a line.
    needs
        What must be at hand.
    implementation
        ``module:class`` of its settings.
    paper, doi
        Where it was published; empty for our own, or where there is no DOI.
    extra
        Name of the optional dependencies it needs; empty for none.
    """

    name: str
    kind: str
    purpose: str
    needs: str
    implementation: str
    paper: str = ""
    doi: str = ""
    extra: str = ""

    def load(self) -> type:
        """Return the class of its settings.

        Raises
        ------
        MissingDependencyError
            The extra is not installed.
        """
        module, _, attribute = self.implementation.partition(":")
        return getattr(import_module(module), attribute)


@cache
def methods() -> dict[str, MethodRecord]:
    """Return the table that ships, by name.

    Examples
    --------
    >>> methods()["generag"].kind
    'expression'
    """
    text = files("spatialrag").joinpath("methods.toml").read_text(encoding="utf-8")
    known = {field.name for field in fields(MethodRecord)}
    table = {}
    for name, entry in tomllib.loads(text)["method"].items():
        if unknown := set(entry) - known:
            raise InputError(f"methods.toml: {name!r} has unknown keys {sorted(unknown)}")
        if entry["kind"] not in KINDS:
            raise InputError(f"methods.toml: {name!r} is of an unknown kind {entry['kind']!r}")
        table[name] = MethodRecord(name=name, **entry)
    return table
