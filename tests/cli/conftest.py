import pytest

from spatialrag.bank.store import write_bank
from spatialrag.cli import app as cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; return exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["spatialrag", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="session")
def little(little_bank, tmp_path_factory):
    """The little bank on disk, for evaluations of many rows; read only."""
    return write_bank(little_bank, tmp_path_factory.mktemp("little") / "bank.zarr")
