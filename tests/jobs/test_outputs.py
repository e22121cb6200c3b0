import json

import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.outputs import check_outputs, write_json


def test_what_is_in_memory_cannot_be_overwritten(tmp_path, little_bank):
    check_outputs(tmp_path / "a.json", None, overwrite=False, inputs=[little_bank, None, "text"])
    with pytest.raises(InputError, match="it would be overwritten"):
        check_outputs(tmp_path / "a.csv", overwrite=True, inputs=[tmp_path / "a.csv"])


@pytest.mark.parametrize("folder", [True, False])
def test_a_file_or_store_is_replaced_only_when_asked(tmp_path, folder):
    check_outputs(tmp_path / "new", overwrite=False, folder=folder)
    old = tmp_path / "old"
    if folder:
        old.mkdir()
    else:
        old.write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        check_outputs(tmp_path / "new", old, overwrite=False, folder=folder)
    check_outputs(old, overwrite=True, folder=folder)


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"a": float("nan"), "b": (1, float("inf"))})
    assert json.loads((tmp_path / "deep" / "a.json").read_text()) == {"a": None, "b": [1, None]}
    write_json(None, {})
