import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from spatialrag.datasets.fetch import fetch, verify
from spatialrag.datasets.manifest import CohortEntry, RemoteFile, Source
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
    return CohortEntry(
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


@pytest.mark.parametrize(
    "make",
    [
        lambda: Source("git", repository="--upload-pack=touch pwned;"),
        lambda: Source("git", repository="ext::sh -c touch% pwned"),
        lambda: Source("git", repository="ssh://-oProxyCommand=touch pwned/x"),
        lambda: Source("git", repository="git@example.org:x.git"),
        lambda: Source("git", repository="/etc"),
        lambda: Source("git", repository="https://example.org/x", revision="--upload-pack=x"),
        lambda: Source("git", repository="https://example.org/x", revision="a..b"),
        lambda: Source("hub", repository="../x", patterns=("*",)),
        lambda: Source("hub", repository="-x/y", patterns=("*",)),
        lambda: RemoteFile("https://example.org/x", "../x"),
        lambda: RemoteFile("https://example.org/x", "/x"),
        lambda: RemoteFile("https://example.org/x", "a//x"),
        lambda: RemoteFile("https://example.org/x", "a\\..\\x"),
        lambda: RemoteFile("https://example.org/x", ".git/hooks/post-checkout"),
        lambda: RemoteFile("https://example.org/x", "fetched.json"),
        lambda: RemoteFile("http://example.org/x", "x"),
        lambda: RemoteFile("ftp://example.org/x", "x"),
        lambda: RemoteFile("https://example.org/x", "x", sha256="x"),
        lambda: replace(cohort(), name="../../x"),
        lambda: replace(cohort(), name="/x"),
        lambda: replace(cohort(), name=".."),
        lambda: replace(cohort(), name="--to"),
    ],
)
def test_what_is_no_name_or_address_is_refused(make):
    with pytest.raises(InputError):
        make()


def commit(folder, **files):
    """Make a git repository of files; a value that begins with -> is a link."""
    folder.mkdir()
    for name, content in files.items():
        if content.startswith("->"):
            (folder / name).symlink_to(content[2:])
        else:
            (folder / name).write_text(content)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "a"]):
        subprocess.run([*git, *arguments], check=True)
    return folder.as_uri()


def test_links_of_a_repository_lead_nowhere(tmp_path):
    """A later file would be written through them, and what they name read."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "key").write_text("secret")
    git = Source("git", repository=commit(tmp_path / "origin", out="->../../outside", a="a"))
    target = fetch(cohort(git), tmp_path / "to")
    assert not (target / "out").is_symlink()
    assert (target / "out").read_text() == "../../outside"
    (target / "deep").symlink_to(tmp_path / "outside")
    (tmp_path / "source").write_text("x")
    url = file((tmp_path / "source").as_uri(), "deep/key", "")
    with pytest.raises(InputError, match="would be written outside"):
        fetch(cohort(git, url), tmp_path / "to")
    assert (tmp_path / "outside" / "key").read_text() == "secret"


def test_hooks_and_transports_of_the_users_settings_do_not_run(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    for hook in ("post-checkout", "post-index-change"):
        (home / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran")
        (home / "hooks" / hook).chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {home}/hooks\n")
    origin = commit(tmp_path / "origin", a="a")
    monkeypatch.setenv("HOME", str(home))
    assert (fetch(cohort(Source("git", repository=origin)), tmp_path / "to") / "a").exists()
    assert not (tmp_path / "ran").exists()


def test_an_interrupted_clone_is_fetched_again_and_keeps_other_files(tmp_path, monkeypatch):
    git = Source("git", repository=commit(tmp_path / "origin", a="new", b="b"))
    target = tmp_path / "to" / "mine"
    (target).mkdir(parents=True)
    (target / "a").write_text("old")
    (target / "notes").write_text("my own")
    fetch(cohort(git), tmp_path / "to")
    assert {name: (target / name).read_text() for name in ("a", "b", "notes")} == {
        "a": "new",
        "b": "b",
        "notes": "my own",
    }
    assert [entry.name for entry in (tmp_path / "to").iterdir()] == ["mine"]


def test_files_of_this_machine_are_files(tmp_path):
    for url in ("file:///dev/zero", tmp_path.as_uri(), "file://example.org/etc/hostname"):
        with pytest.raises(InputError, match="not a file of this machine"):
            fetch(cohort(file(url, "x", "")), tmp_path / "to")


def test_a_link_in_place_of_a_partial_file_is_refused(server, tmp_path):
    (tmp_path / "outside").write_text("kept")
    partial = tmp_path / "mine" / "deep" / ".data.bin.partial"
    partial.parent.mkdir(parents=True)
    partial.symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="is in the way"):
        fetch(cohort(file(f"{server}/data.bin")), tmp_path)
    assert (tmp_path / "outside").read_text() == "kept"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"sha256": []}', '{"sha256": {"a": 1}}', "{" * 100_000, "\udcff"]
)
def test_an_edited_record_is_refused(tmp_path, content):
    (tmp_path / "mine").mkdir()
    record = tmp_path / "mine" / "fetched.json"
    record.write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match="(?s)is not what was written.*fetch again"):
        verify(cohort(), tmp_path)


def test_format_words_in_a_pattern_are_plain_text(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")
    asked = []
    monkeypatch.setattr(
        hub, "snapshot_download", lambda *_, allow_patterns, **__: asked.extend(allow_patterns)
    )
    source = Source("hub", repository="lab/data", patterns=("{slide}/{slide.__class__}{",))
    fetch(cohort(source), tmp_path, slides=["b"])
    assert asked == ["b/{slide.__class__}{"]
