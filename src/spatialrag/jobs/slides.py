"""Which slides a job works on: a table, a HER2ST clone or a HEST-1k folder, read in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spatialrag.errors import InputError, listing
from spatialrag.expression.cohort import read_cohort, read_her2st_cohort
from spatialrag.expression.hest import read_hest_cohort
from spatialrag.expression.section import Section


@dataclass(frozen=True)
class Slides:
    """Slides with expression, wherever they are described; exactly one source is given.

    Parameters
    ----------
    table
        A ``slides.csv``, see `spatialrag.read_cohort`.
    her2st
        A clone of the HER2ST repository.
    hest
        A HEST-1k folder.
    names
        Only these slides; all of the source when empty.

    Raises
    ------
    InputError
        No source, or several.
    """

    table: Path | None = None
    her2st: Path | None = None
    hest: Path | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(given is not None for given in self.sources) != 1:
            raise InputError(
                "which slides?",
                expected="one of --slides slides.csv, --her2st FOLDER and --hest FOLDER",
            )

    @property
    def sources(self) -> tuple[Path | None, ...]:
        """Every path that may be given."""
        return self.table, self.her2st, self.hest

    def read(self) -> list[Section]:
        """Return the sections, in the order of their source.

        Raises
        ------
        InputError
            Slides that the source does not have, and what its reader refuses.
        """
        wanted = list(self.names) or None
        if self.her2st is not None:
            return read_her2st_cohort(self.her2st, wanted)
        if self.hest is not None:
            return read_hest_cohort(self.hest, wanted)
        assert self.table is not None  # one source is given
        sections = read_cohort(self.table)
        missing = set(self.names) - {section.slide for section in sections}
        if missing:
            raise InputError(f"slides not in {self.table}: {listing(sorted(missing))}")
        return [each for each in sections if wanted is None or each.slide in wanted]


def notes_of(sections: Sequence[Section]) -> tuple[str, ...]:
    """Return what reading these sections left out or changed, each note once."""
    return tuple(dict.fromkeys(note for section in sections for note in section.notes))
