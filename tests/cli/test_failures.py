import warnings
from pathlib import Path

import pytest

from spatialrag.cli.failures import failures_told
from spatialrag.cli.printing import console
from spatialrag.errors import InputError


def end(capsys, error):
    with pytest.raises(SystemExit) as stop, failures_told():
        raise error
    return stop.value.code, capsys.readouterr().err


def test_bad_input_ends_with_its_message(capsys):
    code, err = end(capsys, InputError("no such gene", fix="look at the list"))
    assert code == 2
    assert err == "error: no such gene\n  fix:      look at the list\n"


def test_what_the_machine_refuses_is_no_traceback(capsys):
    code, err = end(capsys, PermissionError(13, "Permission denied", "out/x.h5ad"))
    assert code == 2
    assert "out/x.h5ad cannot be used" in err
    assert "Permission denied" in err
    code, err = end(capsys, MemoryError())
    assert code == 2
    assert "memory does not suffice" in err


def test_a_bug_names_its_log(capsys):
    code, err = end(capsys, ZeroDivisionError("3 / 0"))
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err
    log = Path(err.split()[-1])
    assert "ZeroDivisionError: 3 / 0" in log.read_text()
    log.unlink()


def test_warnings_are_a_line_each(capsys):
    with failures_told():
        warnings.warn("two spots were left out", stacklevel=1)
    assert capsys.readouterr().err == "warning: two spots were left out\n"


def test_names_are_printed_as_they_are(capsys):
    console().print("P1 [her2] [/b] [bold]")
    assert capsys.readouterr().out == "P1 [her2] [/b] [bold]\n"
