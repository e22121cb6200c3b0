import sys

import numpy as np
import pytest

safetensors = pytest.importorskip("safetensors.numpy")

from safetensors import SafetensorError, safe_open  # noqa: E402

from spatialrag.errors import InputError, MissingDependencyError  # noqa: E402
from spatialrag.model_file import check_shapes, fits, read_model, write_model  # noqa: E402

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


@pytest.mark.parametrize("error", [OSError("disk full"), SafetensorError("disk full")])
def test_failure_while_writing_leaves_the_last_one(tmp_path, monkeypatch, error):
    path = write_model(tmp_path / "m", ARRAYS, {"schema": 1})

    def broken(*_, **__):
        raise error

    monkeypatch.setattr(safetensors, "save_file", broken)
    with pytest.raises(InputError, match="(?s)cannot be written.*disk full"):
        write_model(path, ARRAYS, {"schema": 1})
    assert read(path)[1] == {"schema": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


def metadata(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata()


def test_every_edit_is_seen(tmp_path):
    """A flipped bit, an edited array, an edited record: safetensors notice none of them."""
    path = write_model(tmp_path / "m", ARRAYS, {"schema": 1, "genes": ["A"]})
    content, told = path.read_bytes(), metadata(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match="(?s)edited after it was written.*train again"):
        read(path)
    safetensors.save_file({**ARRAYS, "weights": np.zeros(2)}, path, metadata=told)
    with pytest.raises(InputError, match="edited after it was written"):
        read(path)
    edited = told["spatialrag"].replace("A", "B")
    safetensors.save_file(ARRAYS, path, metadata={**told, "spatialrag": edited})
    with pytest.raises(InputError, match="edited after it was written"):
        read(path)


def test_files_of_the_first_release_have_no_seal(tmp_path):
    safetensors.save_file(
        {"rows": np.arange(4)}, tmp_path / "m", metadata={"spatialrag": '{"schema": 1}'}
    )
    assert read(tmp_path / "m")[0]["rows"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(tmp_path, value):
    arrays = {"a": np.array([1.0, value]), "b": np.ones(2)}
    path = write_model(tmp_path / "m", arrays, {"schema": 1})
    with pytest.raises(InputError, match="(?s)1 fault found.*a holds (NaN|inf)"):
        read(path)
    allowed = {"schema": 1, "kind": "model", "writer": "its writer", "infinite": ("a",)}
    if np.isinf(value):
        assert np.isinf(read_model(path, **allowed)[0]["a"][1])
    else:
        with pytest.raises(InputError, match="a holds NaN"):
            read_model(path, **allowed)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 60, -1])
def test_truncated_files(tmp_path, cut):
    path = write_model(tmp_path / "m", ARRAYS, {"schema": 1})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="(?s)not a model.*a file of its writer"):
        read(path)


@pytest.mark.parametrize(
    "record", ["", "null", "[]", "{}", '{"schema": "x"}', '{"schema": null}', "[" * 100_000]
)
def test_odd_records(tmp_path, record):
    safetensors.save_file(ARRAYS, tmp_path / "m", metadata={"spatialrag": record})
    with pytest.raises(InputError, match="not a model"):
        read(tmp_path / "m")


@pytest.mark.parametrize("schema", [0, -1, 99])
def test_unknown_schemas(tmp_path, schema):
    write_model(tmp_path / "m", ARRAYS, {"schema": schema})
    with pytest.raises(InputError, match="newer spatialrag|edited after"):
        read(tmp_path / "m")


def test_shapes_are_checked_together(tmp_path):
    shapes = {"weights": (3, None), "rows": (4,), "bias": (2,)}
    check_shapes(tmp_path, ARRAYS, {"weights": (3, None), "rows": (4,)})
    with pytest.raises(InputError, match="(?s)2 faults.*rows is .4,.*bias is missing"):
        check_shapes(tmp_path, ARRAYS, {**shapes, "rows": (4, 1)})


@pytest.mark.parametrize(
    "error", [KeyError("genes"), RuntimeError("size mismatch"), TypeError("x")]
)
def test_what_fails_while_building_is_told(tmp_path, error):
    with pytest.raises(InputError, match="(?s)no model can be made of it.*train again"):  # noqa: SIM117
        with fits(tmp_path / "m", "model"):
            raise error
    with pytest.raises(InputError, match="my own"), fits(tmp_path / "m", "model"):
        raise InputError("my own")


def test_without_safetensors(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingDependencyError, match="safetensors"):
        write_model(tmp_path / "m", ARRAYS, {"schema": 1})
