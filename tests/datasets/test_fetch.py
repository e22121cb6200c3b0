import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spatialrag.datasets.fetch import fetch, verify
from spatialrag.datasets.manifest import Cohort, RemoteFile, Source
from spatialrag.errors import InputError, MissingDependencyError

CONTENT = bytes(range(256)) * 400
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    requests: list = []  # noqa: RUF012  (cleared by the fixture)

    def do_GET(self):
        self.requests.append((self.path, self.headers.get("Range")))
        if self.path != "/data.bin":
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        body = CONTENT[start:]
        if not body:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests.clear()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def cohort(*sources, access="open"):
    return Cohort(
        name="mine",
        title="Mine",
        organ="lung",
        species="human",
        licence="CC0",
        citation="me",
        sources=sources,
        slides=("a", "b"),
        access=access,
    )


def file(url, path="deep/data.bin", sha256=CHECKSUM):
    return Source("url", files=(RemoteFile(url, path, sha256),))


def test_fetched_once_and_verified(server, tmp_path):
    wanted = cohort(file(f"{server}/data.bin"))
    target = fetch(wanted, tmp_path)
    assert (target / "deep" / "data.bin").read_bytes() == CONTENT
    fetch(wanted, tmp_path)
    assert len(Handler.requests) == 1
    assert verify(wanted, tmp_path) == 1
    record = json.loads((target / "fetched.json").read_text())
    assert record["licence"] == "CC0"


def test_broken_download_goes_on_where_it_stopped(server, tmp_path):
    partial = tmp_path / "mine" / "deep" / ".data.bin.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT[:1000])
    target = fetch(cohort(file(f"{server}/data.bin")), tmp_path)
    assert Handler.requests == [("/data.bin", "bytes=1000-")]
    assert (target / "deep" / "data.bin").read_bytes() == CONTENT
    assert not partial.exists()


def test_wrong_checksum_leaves_nothing(server, tmp_path):
    wanted = cohort(file(f"{server}/data.bin", sha256="0" * 64))
    with pytest.raises(InputError, match=r"(?s)not the file of the manifest.*0000"):
        fetch(wanted, tmp_path)
    assert not list(tmp_path.rglob("*data.bin*"))


def test_file_addresses_and_recorded_checksums(tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("hello")
    wanted = cohort(file(source.as_uri(), "s.txt", ""))
    target = fetch(wanted, tmp_path / "to")
    assert verify(wanted, tmp_path / "to") == 1
    (target / "s.txt").write_text("changed")
    with pytest.raises(InputError, match=r"s.txt is not what was published or fetched"):
        verify(wanted, tmp_path / "to")
    (target / "s.txt").unlink()
    with pytest.raises(InputError, match=r"s.txt is missing"):
        verify(wanted, tmp_path / "to")


def test_unreachable_absent_and_unknown(server, tmp_path):
    with pytest.raises(InputError, match="answers 404"):
        fetch(cohort(file(f"{server}/other")), tmp_path)
    with pytest.raises(InputError, match=r"(?s)cannot be reached.*goes on where it stopped"):
        fetch(cohort(file("http://127.0.0.1:9/x")), tmp_path)
    with pytest.raises(InputError, match="has no slide z"):
        fetch(cohort(file(f"{server}/data.bin")), tmp_path, slides=["z"])
    with pytest.raises(InputError, match="was not fetched"):
        verify(cohort(), tmp_path)


def test_git_repositories(tmp_path):
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "a.txt").write_text("a")
    git = ["git", "-C", str(origin), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *arguments], check=True)
    wanted = cohort(Source("git", repository=origin.as_uri()))
    target = fetch(wanted, tmp_path / "to")
    assert (target / "a.txt").read_text() == "a"
    fetch(wanted, tmp_path / "to")
    assert verify(wanted, tmp_path / "to") == 1
    with pytest.raises(InputError, match="cannot be cloned"):
        fetch(cohort(Source("git", repository=(tmp_path / "no").as_uri())), tmp_path / "other")


def test_hub_asks_for_the_slides_files_and_tells_what_gated_means(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    asked = {}

    def download(repository, **options):
        asked.update(options, repository=repository)
        (options["local_dir"] / "st").mkdir()
        (options["local_dir"] / "st" / "b.h5ad").write_text("x")

    monkeypatch.setattr(hub, "snapshot_download", download)
    source = Source("hub", repository="lab/data", patterns=("st/{slide}.h5ad", "README.md"))
    fetch(cohort(source, access="gated"), tmp_path, slides=["b"])
    assert asked["repository"] == "lab/data"
    assert asked["allow_patterns"] == ["st/b.h5ad", "README.md"]

    def refused(*_, **__):
        raise OSError("401 Client Error")

    monkeypatch.setattr(hub, "snapshot_download", refused)
    with pytest.raises(InputError, match=r"(?s)it is gated.*401.*accept the terms.*hf auth login"):
        fetch(cohort(source, access="gated"), tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match="hub"):
        fetch(cohort(source), tmp_path)
