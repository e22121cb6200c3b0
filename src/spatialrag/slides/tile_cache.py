"""Decoded tiles of a slide, kept while there is room: neighboring patches lie on the same ones."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock

import numpy as np


class TileCache:
    """Tiles by their place, the least recently used forgotten first.

    Threads that want the same tile at the same time wait for the first one to decode it.

    Parameters
    ----------
    n_bytes
        Size, in bytes, of the tiles that are kept.
    """

    def __init__(self, n_bytes: int) -> None:
        self._room, self._lock = n_bytes, Lock()
        self._tiles: OrderedDict[Hashable, Future[np.ndarray]] = OrderedDict()

    def get(self, place: Hashable, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a tile, decoded now if it is not kept; what ``decode`` raises is raised."""
        with self._lock:
            tile = self._tiles.get(place)
            if tile is not None:
                self._tiles.move_to_end(place)
            else:
                made = self._tiles[place] = Future[np.ndarray]()
        if tile is not None:
            return tile.result()
        try:
            pixels = decode()
        except BaseException as error:
            with self._lock:
                self._tiles.pop(place, None)
            made.set_exception(error)
            raise
        made.set_result(pixels)
        self._make_room(pixels.nbytes)
        return pixels

    def _make_room(self, n_bytes: int) -> None:
        """Count a tile that was added, and forget others for it."""
        with self._lock:
            self._room -= n_bytes
            for place in list(self._tiles):
                if self._room >= 0:
                    return
                if self._tiles[place].done():  # one that is being decoded is not counted yet
                    self._room += self._tiles.pop(place).result().nbytes
