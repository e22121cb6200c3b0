"""The errors users meet: what was expected, what came, and what to do."""

import difflib
from collections.abc import Iterable

_LONGEST = 2000  # characters of what came; other libraries quote whole files


class SpatialragError(Exception):
    """Any error raised on purpose by this package."""


class InputError(SpatialragError, ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    problem
        One sentence that names the input and what is wrong with it.
    expected, got, fix
        What would have been right, what came, and what to do about it.
    """

    def __init__(self, problem: str, *, expected: str = "", got: str = "", fix: str = "") -> None:
        if len(got) > _LONGEST:
            got = f"{got[: _LONGEST // 2]} … {got[-_LONGEST // 2 :]}"
        lines = [problem]
        lines += [f"  expected: {expected}"] * bool(expected)
        lines += [f"  got:      {got}"] * bool(got)
        lines += [f"  fix:      {fix}"] * bool(fix)
        super().__init__("\n".join(lines))


class BankError(InputError):
    """A bank store that is truncated, edited, of a newer schema, or not a bank."""


class MissingDependencyError(SpatialragError, ImportError):
    """An optional dependency is needed and absent."""

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{package} is needed for {needed_for} and is not installed\n"
            f"  fix:      pip install 'spatialrag[{extra}]'"
        )


class NotConvergedError(SpatialragError, RuntimeError):
    """A solve that did not reach its certificate."""


def check_share(value: float, *, name: str) -> None:
    """Raise `InputError` unless a value lies in [0, 1].

    Examples
    --------
    >>> check_share(0.3, name="smoothing")
    """
    if not 0 <= value <= 1:
        raise InputError(f"{name} must be in [0, 1]", got=str(value))


def check_choice(value: object, choices: Iterable[str], *, name: str) -> None:
    """Raise `InputError` unless a value is one of a closed set of words.

    Parameters
    ----------
    value
        What was given.
    choices
        The words.
    name
        What the word says, for the message: ``expression scale``.

    Examples
    --------
    >>> check_choice("log1p", ("counts", "log1p"), name="expression scale")
    >>> check_choice("logp", ("counts", "log1p"), name="expression scale")
    Traceback (most recent call last):
        ...
    spatialrag.errors.InputError: unknown expression scale
      expected: one of counts, log1p
      got:      'logp'
      fix:      did you mean 'log1p'?
    """
    words = list(choices)
    if value in words:
        return
    near = difflib.get_close_matches(str(value), words, n=1, cutoff=0.6)
    raise InputError(
        f"unknown {name}",
        expected=f"one of {', '.join(words)}",
        got=repr(value),
        fix=f"did you mean {near[0]!r}?" if near else "",
    )


def listing(names: Iterable[object], limit: int = 5) -> str:
    """Return the first names and how many more there are, for messages."""
    words = [str(name) for name in names]
    more = f", … ({len(words)} in all)" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def raise_all(faults: list[str], *, subject: str, fix: str = "") -> None:
    """Raise one `InputError` that lists every fault found, or return when there is none."""
    if faults:
        problem = f"{subject}: {len(faults)} fault{'s' * (len(faults) > 1)} found"
        raise InputError("\n".join([problem, *(f"  - {fault}" for fault in faults)]), fix=fix)
