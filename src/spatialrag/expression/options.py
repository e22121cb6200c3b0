"""What a user may say about a file, and the refusal of what a format has no use for."""

from collections.abc import Mapping

from spatialrag.errors import InputError

RAW = "raw"  # in place of a layer: AnnData's .raw


def describe(slide: str | None, file: str) -> str:
    """Return what messages and notes call a slide that is read from a file: both names."""
    return file if slide in (None, file) else f"{slide} ({file})"


def refuse_given(given: Mapping[str, object], *, subject: str, reason: str) -> None:
    """Raise `InputError` when something was said that does not apply to a file.

    Parameters
    ----------
    given
        What was said, by its name; None where nothing was.
    subject
        The file.
    reason
        What it holds instead.
    """
    said = {name: value for name, value in given.items() if value is not None}
    if said:
        raise InputError(
            f"{subject} cannot be read with {', '.join(said)}",
            expected=reason,
            got=", ".join(f"{name}={value!r}" for name, value in said.items()),
            fix=f"leave {' and '.join(said)} out",
        )
