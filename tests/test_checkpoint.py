import pytest

torch = pytest.importorskip("torch")

from spatialrag.checkpoint import read_checkpoint, write_checkpoint  # noqa: E402
from spatialrag.errors import InputError  # noqa: E402

STATE = {"network": {"weight": torch.arange(3.0)}, "losses": [0.5, 0.25], "epochs": 2}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "run.pt"
    assert read_checkpoint(None, "k", same="bank") is None
    assert read_checkpoint(path, "k", same="bank") is None
    write_checkpoint(path, "k", STATE)
    state = read_checkpoint(path, "k", same="bank")
    assert state["losses"] == [0.5, 0.25]
    torch.testing.assert_close(state["network"]["weight"], torch.arange(3.0))
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


def test_another_training_is_refused(tmp_path):
    write_checkpoint(tmp_path / "c", "a", STATE)
    with pytest.raises(InputError, match="(?s)another training.*the same bank.*delete it"):
        read_checkpoint(tmp_path / "c", "b", same="bank")


def test_a_failure_keeps_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "c"
    write_checkpoint(path, "k", STATE)

    def broken(_, aside):
        aside.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(path, "k", {**STATE, "epochs": 3})
    assert read_checkpoint(path, "k", same="bank")["epochs"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
