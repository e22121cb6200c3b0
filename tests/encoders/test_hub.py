import pytest

from spatialrag.encoders.hub import download
from spatialrag.encoders.zoo import zoo
from spatialrag.errors import InputError

hub = pytest.importorskip("huggingface_hub")
from huggingface_hub import errors  # noqa: E402

UNI = zoo()["uni"]


def answer(monkeypatch, reply):
    def snapshot_download(repository, *, revision, allow_patterns):
        assert repository == "MahmoodLab/UNI"
        assert "*.py" not in allow_patterns
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)


def refused(kind, text):
    """An error of the hub, whatever HTTP library stands behind it."""
    error = kind.__new__(kind)
    error.args = (text,)
    return error


def test_the_commit_is_recorded(monkeypatch, tmp_path):
    answer(monkeypatch, str(tmp_path / "snapshots" / "0123abc"))
    folder, source = download(UNI)
    assert folder.name == "0123abc"
    assert source == "MahmoodLab/UNI@0123abc"


def test_a_gated_model_tells_the_steps(monkeypatch):
    answer(monkeypatch, refused(errors.GatedRepoError, "401"))
    with pytest.raises(InputError, match=r"uni is gated[\s\S]*accept the terms[\s\S]*uni:FOLDER"):
        download(UNI)


def test_an_unknown_revision(monkeypatch):
    answer(monkeypatch, refused(errors.RevisionNotFoundError, "404"))
    with pytest.raises(InputError, match="no MahmoodLab/UNI at revision v9"):
        download(UNI, "v9")


@pytest.mark.parametrize("error", [errors.LocalEntryNotFoundError("offline"), OSError("no route")])
def test_offline(monkeypatch, error):
    answer(monkeypatch, error)
    with pytest.raises(InputError, match=r"cannot be reached[\s\S]*carry the folder here"):
        download(UNI)
