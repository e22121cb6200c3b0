import sys

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors.numpy")

from spatialrag.errors import InputError, MissingDependencyError  # noqa: E402
from spatialrag.model_file import read_model, write_model  # noqa: E402

ARRAYS = {"weights": np.arange(6.0).reshape(2, 3).T, "rows": np.arange(4)}


def read(path):
    return read_model(path, schema=1, kind="model", writer="its writer")


def test_what_is_written_is_read(tmp_path):
    path = write_model(tmp_path / "new" / "m.safetensors", ARRAYS, {"schema": 1, "genes": ["A"]})
    arrays, record = read(path)
    assert record == {"schema": 1, "genes": ["A"]}
    np.testing.assert_array_equal(arrays["weights"], ARRAYS["weights"])
    np.testing.assert_array_equal(arrays["rows"], ARRAYS["rows"])


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="(?s)does not exist.*its writer writes it"):
        read(tmp_path / "none")
    (tmp_path / "text").write_text("hello, I am no tensor")
    with pytest.raises(InputError, match="(?s)not a model.*a file of its writer"):
        read(tmp_path / "text")
    safetensors.save_file(ARRAYS, tmp_path / "bare")
    with pytest.raises(InputError, match="not a model"):
        read(tmp_path / "bare")
    write_model(tmp_path / "later", ARRAYS, {"schema": 2})
    with pytest.raises(InputError, match="newer spatialrag"):
        read(tmp_path / "later")


def test_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(safetensors, "save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        write_model(tmp_path / "m", ARRAYS, {"schema": 1})
    assert list(tmp_path.iterdir()) == []


def test_without_safetensors(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingDependencyError, match="safetensors"):
        write_model(tmp_path / "m", ARRAYS, {"schema": 1})
