"""What ``make fuzz`` reports of a round, on folders of attacks made here."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
TALLY = """
import os
def pytest_sessionfinish():
    with open(os.environ["ATTACKS_TALLY"], "w") as file:
        file.write("7\\ttest_one\\n5\\ttest_other\\n")
"""


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_of_benchmarks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def round_of(fuzz, monkeypatch, folder, body, seconds=60):
    (folder / "conftest.py").write_text(TALLY)
    (folder / "test_made.py").write_text(body)
    monkeypatch.setattr(fuzz, "ATTACKS", folder)
    return fuzz.one_round(0, 1, seconds)


def test_cases_are_counted_and_failures_named(fuzz, monkeypatch, tmp_path):
    body = "def test_one(): assert False\ndef test_other(): pass\n"
    cases, failed, said = round_of(fuzz, monkeypatch, tmp_path, body)
    assert cases == {"test_one": 7, "test_other": 5}
    assert [name.partition("::")[2] for name in failed] == ["test_one"]
    assert "assert False" in said


def test_a_round_that_is_killed_or_hangs_is_a_failure(fuzz, monkeypatch, tmp_path):
    body = "import os\ndef test_one(): os.kill(os.getpid(), 9)\n"
    assert round_of(fuzz, monkeypatch, tmp_path, body)[1] == ["pytest ended with -9"]
    body = "import time\ndef test_one(): time.sleep(60)\n"
    assert round_of(fuzz, monkeypatch, tmp_path, body, 2)[1] == ["a round that did not end"]
