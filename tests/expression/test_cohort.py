import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.cohort import read_cohort


def test_reads_every_row(toy_sections):
    assert [section.slide for section in toy_sections] == ["toy1", "toy2", "toy3", "toy4"]
    assert {section.donor for section in toy_sections} == {"donor1", "donor2"}
    assert all(section.mpp == 1.0 and section.image.exists() for section in toy_sections)


def test_every_fault_of_the_table_at_once(tmp_path):
    frame = pd.DataFrame({"slide": ["a", "a"], "donor": "d", "expression": "no.h5ad", "size": 1})
    frame.to_csv(tmp_path / "slides.csv", index=False)
    message = r"(?s)3 faults.*unknown column 'size'.*repeated slides: a.*do not exist: no.h5ad"
    with pytest.raises(InputError, match=message):
        read_cohort(tmp_path / "slides.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_cohort(tmp_path / "other.csv")
