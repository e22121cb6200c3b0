import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.model_file import read_model, write_model
from spatialrag.prediction.ragst.store import read_ragst, write_ragst


@pytest.fixture(scope="module")
def path(fitted, tmp_path_factory):
    return write_ragst(fitted, tmp_path_factory.mktemp("ragst") / "model.safetensors")


def test_round_trip_predicts_the_same(path, fitted, train_bank, atlas, queries):
    again = read_ragst(path, bank=train_bank, cells=atlas)
    first, second = fitted.predict(queries), again.predict(queries)
    np.testing.assert_array_equal(first.expression, second.expression)
    assert (first.citations.weights != second.citations.weights).nnz == 0
    assert again.settings.generator == fitted.settings.generator
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_other_banks_are_refused(path, train_bank, toy_bank, atlas):
    with pytest.raises(InputError, match="another spatial bank"):
        read_ragst(path, bank=toy_bank.without(slides=["toy1"]), cells=atlas)
    other = atlas.without([])
    fewer = other.__class__(
        other.expression[1:],
        other.genes,
        other.cells[1:],
        other.measured,
        other.datasets.assign(hash="another"),
    )
    with pytest.raises(InputError, match="another single-cell bank"):
        read_ragst(path, bank=train_bank, cells=fewer)


def test_slides_left_out_in_fitting_are_left_out_again(path, train_bank, toy_bank, atlas):
    again = read_ragst(path, bank=toy_bank, cells=atlas)
    assert again.bank.fingerprint == train_bank.fingerprint


def test_not_such_a_file(tmp_path, train_bank, atlas):
    with pytest.raises(InputError, match="does not exist"):
        read_ragst(tmp_path / "none", bank=train_bank, cells=atlas)
    (tmp_path / "text").write_text("hello, I am no tensor")
    with pytest.raises(InputError, match="not a fitted RAG-ST"):
        read_ragst(tmp_path / "text", bank=train_bank, cells=atlas)


def test_damaged_models_are_told(path, tmp_path, train_bank, atlas):
    arrays, record = read_model(path, schema=1, kind="", writer="", infinite=("head.deviation",))
    network = next(name for name in arrays if name.startswith("network."))
    n = len(arrays["rows"])
    for changed, said, message in (
        ({"head.mean": np.ones(3)}, {}, "head.mean is .3,"),
        ({"head.bias": np.ones(1)}, {}, "head.bias is .1,"),
        ({"compositions": np.ones((n, 1))}, {}, "compositions is"),
        ({"rows": np.full(n, 10_000)}, {}, "training spots that the bank lacks"),
        ({"rows": np.full(n, -1)}, {}, "names no training spots"),
        ({"levels": np.ones(2)}, {}, "levels is .2,"),
        ({network: np.ones(7)}, {}, "(?s)damaged or was edited.*size mismatch"),
        ({network: np.full_like(arrays[network], np.nan)}, {}, f"{network} holds NaN"),
        ({}, {"head": None}, "damaged or was edited"),
        ({}, {"generator": {}}, "damaged or was edited"),
        ({}, {"slides": 3}, "damaged or was edited"),
    ):
        changed_path = write_model(tmp_path / "m", arrays | changed, record | said)
        with pytest.raises(InputError, match=message):
            read_ragst(changed_path, bank=train_bank, cells=atlas)
    write_model(tmp_path / "m", arrays, {"schema": 1})
    with pytest.raises(InputError, match="damaged or was edited"):
        read_ragst(tmp_path / "m", bank=train_bank, cells=atlas)
