import pytest

torch = pytest.importorskip("torch")

from spatialrag.errors import InputError  # noqa: E402
from spatialrag.training.checkpoint import Checkpoint  # noqa: E402

STATE = {"network": {"weight": torch.arange(3.0)}, "curve": [0.5, 0.25], "epochs": 2}


def test_what_is_written_is_read(tmp_path):
    file = Checkpoint(tmp_path / "run.pt", "k", "bank")
    assert file.read() is None
    file.write(STATE)
    state = file.read()
    assert state["curve"] == [0.5, 0.25]
    torch.testing.assert_close(state["network"]["weight"], torch.arange(3.0))
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    file.remove()
    assert not list(tmp_path.iterdir())


def test_another_training_is_refused(tmp_path):
    Checkpoint(tmp_path / "c", "a", "bank").write(STATE)
    with pytest.raises(InputError, match="(?s)another training.*the same bank.*delete it"):
        Checkpoint(tmp_path / "c", "b", "bank").read()


def test_one_of_another_version_is_refused(tmp_path):
    torch.save({**STATE, "key": "a"}, tmp_path / "c")
    with pytest.raises(InputError, match="(?s)another training.*same version"):
        Checkpoint(tmp_path / "c", "a", "bank").read()


def test_a_failure_keeps_the_last_one(tmp_path, monkeypatch):
    file = Checkpoint(tmp_path / "c", "k", "bank")
    file.write(STATE)

    def broken(_, aside):
        aside.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        file.write({**STATE, "epochs": 3})
    assert file.read()["epochs"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_when_it_is_due(tmp_path):
    every_third = Checkpoint(tmp_path / "c", "k", "bank", every=3)
    assert [every_third.is_due(epochs) for epochs in (1, 2, 3, 6)] == [False, False, True, True]
    assert not Checkpoint(tmp_path / "c", "k", "bank", pause=60).is_due(1)
