import json

import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.outputs import check_outputs, check_store, write_json


def test_what_is_in_memory_cannot_be_overwritten(tmp_path, little_bank):
    check_outputs(tmp_path / "a.json", None, inputs=[little_bank, None, "text"])
    with pytest.raises(InputError, match="it would be overwritten"):
        check_outputs(tmp_path / "a.csv", inputs=[tmp_path / "a.csv"])


def test_a_store_is_replaced_only_when_asked(tmp_path):
    check_store(tmp_path / "new.zarr", overwrite=False)
    (tmp_path / "old.zarr").mkdir()
    with pytest.raises(InputError, match="--overwrite"):
        check_store(tmp_path / "old.zarr", overwrite=False)
    check_store(tmp_path / "old.zarr", overwrite=True)


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"a": float("nan"), "b": (1, float("inf"))})
    assert json.loads((tmp_path / "deep" / "a.json").read_text()) == {"a": None, "b": [1, None]}
    write_json(None, {})
