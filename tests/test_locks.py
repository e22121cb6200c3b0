import json
import os
import signal
import subprocess
import sys
import threading
from socket import gethostname

import pytest

from spatialrag import locks
from spatialrag.errors import InputError
from spatialrag.locks import locked

HOLD = """
import sys, time
from spatialrag.locks import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bank.zarr"


@pytest.fixture
def holder(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()


def test_nothing_is_left(path):
    with locked(path):
        assert [file.name for file in path.parent.iterdir()] == [".bank.zarr.lock"]
    assert list(path.parent.iterdir()) == []


def test_a_held_lock_names_its_holder(path, holder):
    held = rf"(?s)being written.*process {holder.pid} on {gethostname()}, since 20.*wait until"
    with pytest.raises(InputError, match=held), locked(path, wait=0.05):
        pass
    link = path.with_name("link.zarr")
    path.mkdir()
    link.symlink_to(path)
    with pytest.raises(InputError, match=held), locked(link, wait=0.05):
        pass


def test_the_lock_of_a_killed_holder_is_free(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert path.with_name(".bank.zarr.lock").exists()
    with locked(path, wait=0.05):
        told = json.loads(path.with_name(".bank.zarr.lock").read_text())
        assert told["process"] == os.getpid()
    assert list(path.parent.iterdir()) == []


def test_waiting_is_told(path, holder, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", 0.05)
    threading.Timer(0.3, holder.kill).start()
    with pytest.warns(UserWarning, match=f"waiting for process {holder.pid}"):  # noqa: SIM117
        with locked(path, wait=None):
            pass


def test_threads_exclude_each_other(path):
    counter = path.with_name("count")
    counter.write_text("0")

    def work():
        for _ in range(3):
            with locked(path):
                counter.write_text(str(int(counter.read_text()) + 1))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counter.read_text() == "12"


@pytest.mark.parametrize(
    "content", ["", "no json", "[]", '{"process": 1}', '{"process": "x", "host": 1, "since": 1e99}']
)
def test_odd_content_of_a_lock_is_no_obstacle(path, holder, content):
    path.with_name(".bank.zarr.lock").write_text(content)
    with pytest.raises(InputError, match="did not say who it is"), locked(path, wait=0.05):
        pass


def test_a_lock_that_outlived_its_process(path, holder):
    """File systems that forget to release a lock: the message says what to delete."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    told = {"process": ended.pid, "host": gethostname(), "since": 0}
    path.with_name(".bank.zarr.lock").write_text(json.dumps(told))
    with pytest.raises(InputError, match="(?s)no longer runs: delete.*lock"), locked(path, wait=0):
        pass


def test_a_place_that_cannot_be_locked(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be locked"), locked(tmp_path / "file" / "bank"):
        pass
