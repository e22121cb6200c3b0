import pytest

from spatialrag.bank.store import read_bank
from spatialrag.errors import InputError
from spatialrag.jobs.banks import AddRequest, BuildRequest, add, build, inspect, remove
from spatialrag.jobs.slides import Slides


def test_a_bank_grows_and_shrinks_to_the_same_bits(toy_table, toy_cache, tmp_path):
    path = tmp_path / "bank.zarr"
    three = Slides(toy_table, names=("toy1", "toy2", "toy3"))
    made = build(BuildRequest(three, path, "color", cache=toy_cache, json=tmp_path / "b.json"))
    assert made.facts["fingerprint"] == read_bank(path).fingerprint
    more = AddRequest(path, Slides(toy_table, names=("toy4",)), "color", cache=toy_cache)
    assert add(more).bank.slides.index.tolist() == ["toy1", "toy2", "toy3", "toy4"]
    with pytest.raises(InputError, match="already in the bank"):
        add(more)
    rest = remove(path, slides=("toy4",))
    assert rest.bank.fingerprint == made.bank.fingerprint
    assert "may remain in embedding caches" in rest.notes[0]
    assert str(inspect(path).facts) == str(made.facts)  # NaN is not equal to itself


def test_faults_before_any_slide_is_read(toy_table, tmp_path):
    (tmp_path / "taken.zarr").mkdir()
    absent = Slides(tmp_path / "no.csv")
    with pytest.raises(InputError, match="--overwrite"):
        build(BuildRequest(absent, tmp_path / "taken.zarr"))
    with pytest.raises(InputError, match="no encoder is called"):
        build(BuildRequest(absent, tmp_path / "b.zarr", "vit"))
    with pytest.raises(InputError, match="what shall be removed"):
        remove(tmp_path / "taken.zarr")


def test_a_bank_of_expression_takes_no_encoder(toy_table, tmp_path):
    path = tmp_path / "bank.zarr"
    build(BuildRequest(Slides(toy_table, names=("toy1",)), path))
    with pytest.raises(InputError, match="holds expression alone"):
        add(AddRequest(path, Slides(toy_table, names=("toy2",)), "color"))
    assert add(AddRequest(path, Slides(toy_table, names=("toy2",)))).bank.embeddings is None
