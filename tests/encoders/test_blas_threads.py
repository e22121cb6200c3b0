from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np  # noqa: F401  (its linear algebra is what is limited)
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from spatialrag.encoders.blas_threads import one_blas_thread


def threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


def test_one_thread_within_and_the_former_number_after():
    before = threads()
    with one_blas_thread():
        assert threads() == {1}
        with one_blas_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == before


def test_of_blocks_at_once_the_last_one_lifts_the_limit():
    before, together = threads(), Barrier(4)

    def work(_):
        with one_blas_thread():
            together.wait(10)
            return threads()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [{1}] * 4
    assert threads() == before


def test_a_block_that_fails_lifts_it_too():
    before = threads()
    with pytest.raises(ValueError, match="broken"), one_blas_thread():
        raise ValueError("broken")
    assert threads() == before
