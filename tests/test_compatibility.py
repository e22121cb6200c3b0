"""In processes of their own: an operator is declared once per process."""

import importlib.util
import subprocess
import sys

import pytest

from spatialrag import compatibility

AVAILABLE = all(importlib.util.find_spec(name) for name in ("torch", "torchvision"))


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.skipif(not AVAILABLE, reason="needs torchvision (extra encoders)")
def test_torchvision_imports_after_the_call_and_twice():
    code = (
        "from spatialrag.compatibility import prepare_torchvision as prepare\n"
        "first = prepare(); assert prepare() == first\n"
        "import torchvision.transforms\n"
        "print(torchvision.transforms.CenterCrop(4).size[0])"
    )
    assert run(code) == ["4"]


def test_nothing_happens_without_torchvision(monkeypatch):
    monkeypatch.setattr(compatibility, "find_spec", lambda _: None)
    assert compatibility.prepare_torchvision() is False


@pytest.mark.skipif(not AVAILABLE, reason="needs torchvision (extra encoders)")
def test_builds_that_fit_are_left_alone(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert compatibility.prepare_torchvision() is False
