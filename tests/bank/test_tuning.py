from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spatialrag.bank.store import read_bank, update_bank, verify_bank, write_bank
from spatialrag.bank.tuning import BankTuning
from spatialrag.errors import InputError


def made(bank):
    return BankTuning(
        bank=bank.fingerprint,
        left_out="slide",
        choice={"smoothing": 0.5, "anchors": "coexpressed"},
        tried=pd.DataFrame({"score": [0.1, 0.2], "smoothing": [0.75, 0.5]}),
        reliability=pd.Series([0.25, np.nan], index=bank.genes[:2]),
        slides=pd.DataFrame({"score": [0.3]}, index=bank.slides.index[:1]),
    )


def test_it_is_written_read_and_sealed(little_bank, tmp_path):
    path = write_bank(replace(little_bank, tuning=made(little_bank)), tmp_path / "b.zarr")
    found = verify_bank(path).valid_tuning
    assert found.choice == {"smoothing": 0.5, "anchors": "coexpressed"}
    assert found.left_out == "slide"
    pd.testing.assert_frame_equal(found.tried, made(little_bank).tried)
    pd.testing.assert_frame_equal(found.slides, made(little_bank).slides)
    asked = np.array([little_bank.genes[1], "absent", little_bank.genes[0]])
    np.testing.assert_array_equal(found.reliability_of(asked), [np.nan, np.nan, 0.25])
    assert read_bank(path).fingerprint == little_bank.fingerprint


def test_it_is_void_once_slides_come_or_go(toy_bank, tmp_path):
    tuned = replace(toy_bank, tuning=made(toy_bank))
    assert tuned.valid_tuning is not None
    assert tuned.without(slides=["toy1"]).valid_tuning is None
    path = write_bank(tuned, tmp_path / "b.zarr")
    update_bank(path, lambda bank: bank.without(slides=["toy1"]))
    assert read_bank(path).tuning is None


def test_one_that_was_edited_is_refused(little_bank, tmp_path):
    record = made(little_bank).to_record()
    with pytest.raises(InputError, match="not what was written"):
        BankTuning.from_record(record | {"choice": '{"smoothing": 1.0}'})
    broken = replace(little_bank, tuning=made(little_bank))
    path = write_bank(broken, tmp_path / "b.zarr")
    import zarr

    stored = zarr.open_group(path, mode="r+")["uns/spatialrag/tuning/reliability"]
    stored[0] = 0.9
    with pytest.raises(InputError, match="not what was written"):
        read_bank(path)
