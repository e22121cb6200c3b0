from pathlib import Path

import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.slides import Slides, notes_of


@pytest.mark.parametrize("sources", [{}, {"table": Path("a.csv"), "hest": Path("b")}])
def test_exactly_one_source(sources):
    with pytest.raises(InputError, match="which slides"):
        Slides(**sources)


def test_named_slides_in_the_order_of_the_table(toy_table):
    found = Slides(toy_table, names=("toy3", "toy1")).read()
    assert [section.slide for section in found] == ["toy1", "toy3"]
    with pytest.raises(InputError, match="slides not in .*: absent"):
        Slides(toy_table, names=("toy1", "absent")).read()


def test_a_note_is_told_once(toy_sections):
    from dataclasses import replace

    noted = [replace(each, notes=("same", each.slide)) for each in toy_sections[:2]]
    assert notes_of(noted) == ("same", "toy1", "toy2")
