import pytest

from spatialrag import progress


def test_without_a_terminal_a_line_every_half_minute(monkeypatch, capsys):
    clock = iter([0.0, 0.0, 12.0, 31.0, 40.0, 62.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert list(progress.track("abcde", label="bank", total=5)) == list("abcde")
    assert capsys.readouterr().err.splitlines() == [
        "bank: 2 of 5 after 31 s",
        "bank: 4 of 5 after 62 s",
    ]


def test_short_work_says_nothing(capsys):
    assert list(progress.track(range(100), label="x", total=100)) == list(range(100))
    assert capsys.readouterr().err == ""


def test_work_that_fails_is_not_swallowed():
    def work():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(progress.track(work(), label="x", total=2))
