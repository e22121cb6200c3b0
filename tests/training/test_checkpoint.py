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
        raise RuntimeError("PytorchStreamWriter failed writing file: disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(InputError, match="(?s)cannot be written.*disk full.*make room"):
        file.write({**STATE, "epochs": 3})
    assert file.read()["epochs"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_interrupted_and_foreign_files_are_told(tmp_path):
    """An empty file made the command end with the word Aborted."""
    file = Checkpoint(tmp_path / "c", "k", "bank")
    file.write(STATE)
    whole = file.path.read_bytes()
    contents = [b"", b"text", whole[:5], whole[: len(whole) // 2], whole[:-1], b"\x80\x02."]
    for content in contents:
        file.path.write_bytes(content)
        with pytest.raises(InputError, match="(?s)not a checkpoint.*the training begins anew"):
            file.read()
    for other in (STATE["network"], [1, 2], torch.ones(2)):
        torch.save(other, file.path)
        with pytest.raises(InputError, match="not a checkpoint"):
            file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(InputError, match="not a checkpoint"):
        file.read()


def test_code_is_not_run(tmp_path):
    torch.save({"key": "k", "network": torch.nn.Linear(1, 1)}, tmp_path / "c")
    with pytest.raises(InputError, match="not a checkpoint"):
        Checkpoint(tmp_path / "c", "k", "bank").read()


@pytest.mark.parametrize(
    "edit",
    [
        {"curve": [0.5, 0.26]},
        {"epochs": 3},
        {"network": {"weight": torch.tensor([0.0, 1.0, float("nan")])}},
        {"network": {"weight": torch.arange(4.0)}},
        {"network": {"weights": torch.arange(3.0)}},
    ],
)
def test_edits_are_seen(tmp_path, edit):
    file = Checkpoint(tmp_path / "c", "k", "bank")
    file.write(STATE)
    torch.save(torch.load(file.path, weights_only=True) | edit, file.path)
    with pytest.raises(InputError, match="edited after it was written"):
        file.read()


def test_every_kind_of_state_is_sealed(tmp_path):
    state = {
        "half": torch.ones(2, dtype=torch.bfloat16),
        "empty": torch.empty(0),
        "view": torch.arange(6.0).reshape(2, 3).T,
        "random": torch.Generator().get_state(),
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "groups": [{"betas": (0.9, 1)}]},
        "number": torch.tensor(3),
    }
    file = Checkpoint(tmp_path / "c", "k", "bank")
    file.write(state)
    torch.testing.assert_close(file.read()["view"], state["view"])


def test_when_it_is_due(tmp_path):
    every_third = Checkpoint(tmp_path / "c", "k", "bank", every=3)
    assert [every_third.is_due(epochs) for epochs in (1, 2, 3, 6)] == [False, False, True, True]
    assert not Checkpoint(tmp_path / "c", "k", "bank", pause=60).is_due(1)
