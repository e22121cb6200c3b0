import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from spatialrag.slides.tile_cache import TileCache


def tile(value, n_bytes=100):
    return np.full(n_bytes, value, np.uint8)


def test_a_kept_tile_is_not_decoded_again_and_the_oldest_goes_first():
    decoded = []

    def get(place):
        return cache.get(place, lambda: decoded.append(place) or tile(place))

    cache = TileCache(300)
    for place in (1, 2, 3, 1, 4):  # 2 was used longest ago when 4 came
        assert get(place)[0] == place
    assert decoded == [1, 2, 3, 4]
    for place in (1, 3, 4, 2):
        assert get(place)[0] == place
    assert decoded == [1, 2, 3, 4, 2]


def test_a_tile_without_room_is_returned_all_the_same():
    cache = TileCache(50)
    assert [cache.get(1, lambda: tile(7))[0] for _ in range(2)] == [7, 7]


def test_threads_wait_for_the_one_that_decodes():
    begun, go, decoded = threading.Event(), threading.Event(), []

    def decode():
        begun.set()
        go.wait(10)
        decoded.append(1)
        return tile(5)

    cache = TileCache(1000)
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(cache.get, "place", decode) for _ in range(3)]
        assert begun.wait(10)
        go.set()
        assert [future.result()[0] for future in found] == [5, 5, 5]
    assert decoded == [1]


def test_what_fails_is_raised_and_tried_again():
    cache = TileCache(1000)
    with pytest.raises(KeyError):
        cache.get(1, lambda: {}["absent"])
    assert cache.get(1, lambda: tile(3))[0] == 3


def test_many_threads_and_little_room():
    cache, rng = TileCache(350), np.random.default_rng(0)
    places = rng.integers(0, 10, 2000).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: cache.get(place, lambda: tile(place))[0], places))
    assert found == places
