import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from itertools import count, islice

import pytest

from spatialrag.pipeline import available_cores, computed_ahead


def test_order_is_kept_however_long_each_takes():
    def work(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    with computed_ahead(work, range(20), workers=4) as results:
        assert list(results) == list(range(20))


def test_tasks_run_at_the_same_time():
    """Three tasks that each wait for the two others can only end together."""
    barrier = threading.Barrier(3)
    with computed_ahead(lambda _: barrier.wait(timeout=10), range(3), workers=3) as results:
        assert sorted(results) == [0, 1, 2]


def test_what_is_ahead_is_bounded():
    begun = []
    with computed_ahead(begun.append, count(), workers=3) as results:
        for taken, _ in enumerate(islice(results, 10), start=1):
            assert len(begun) <= taken + 3 + 2
    assert len(begun) <= 10 + 3 + 2


def test_an_exception_comes_after_the_results_before_it_and_ends_all():
    begun, taken = [], []

    def work(number):
        begun.append(number)
        if number == 4:
            raise KeyError(number)
        return number

    def take_all():
        with computed_ahead(work, range(1000), workers=2) as results:
            for result in results:
                taken.append(result)

    with pytest.raises(KeyError):
        take_all()
    assert taken == [0, 1, 2, 3]
    assert max(begun) < 4 + 2 + 2


def test_no_task_runs_when_the_block_is_left():
    ended = []

    def work(_):
        time.sleep(0.05)
        ended.append(time.monotonic())

    def leave():
        with computed_ahead(work, range(50), workers=2) as results:
            next(results)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave()
    left = time.monotonic()
    time.sleep(0.12)
    assert max(ended) <= left


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_at_once():
    code = """
        import signal
        import time
        from spatialrag.pipeline import computed_ahead
        # Shells start what runs in the background deaf to ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with computed_ahead(lambda _: time.sleep(0.1), range(1000), workers=2) as results:
                print("begun", flush=True)
                for _ in results:
                    pass
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("150000 100000", 2), ("50000 100000", 1), ("9900000 100000", 8), ("", 8)],
)
def test_cores_of_this_process(tmp_path, monkeypatch, quota, expected):
    """A container may see 8 cores and be given time on 1.5 of them."""
    assert 1 <= available_cores() <= os.cpu_count()
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr("spatialrag.pipeline._QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert available_cores() == expected
