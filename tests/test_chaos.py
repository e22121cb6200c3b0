"""A few seconds of ``make chaos``, which runs for an hour."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "chaos.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["bank", "texts"])
def test_nothing_is_lost_when_processes_are_killed(kind):
    command = [sys.executable, str(SCRIPT), "--rounds", "1", "--seed", "4", "--kinds", kind]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failures" in done.stdout
