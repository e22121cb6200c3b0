"""Cut patches as a slide: HEST's ``patches/<id>.h5``, where the whole image was not downloaded."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.slides.decoding import decoding
from spatialrag.slides.pixels import fit
from spatialrag.slides.slide import MultiSizeSlide

_SIDES = ("patch_size_src", "patch_size_level0")


class PatchSlide(MultiSizeSlide):
    """What patches cover of a slide; everything else is white.

    Reads ``img`` (n, side, side, 3) uint8, ``coords`` (n, 2), their top-left corners in pixels of
    the full resolution, ``barcode`` (n, 1), and an attribute ``downsample``: full-resolution pixels
    per patch pixel.

    Attributes
    ----------
    barcodes : (n,)
        Names of the spots the patches were cut around.
    """

    mpp = None

    def __init__(self, path: Path) -> None:
        self.path = path
        with decoding(path):
            self._file = h5py.File(path)
        try:
            self._check_parts()
            with decoding(path):
                names = self._file["barcode"][:].ravel()
                self._corners = self._file["coords"][:].astype(np.float64)
            self.barcodes = np.array(
                [n.decode() if isinstance(n, bytes) else str(n) for n in names]
            )
            self._side = self._full_side()
        except BaseException:
            self._file.close()
            raise
        width, height = np.ceil(self._corners.max(axis=0) + self._side)
        self.size = int(width), int(height)

    def _check_parts(self) -> None:
        missing = [name for name in ("img", "coords", "barcode") if name not in self._file]
        if missing:
            raise InputError(
                f"{self.path.name} holds no patches of spots",
                expected="img, coords and barcode, as HEST writes them",
                got=listing(self._file),
            )
        pictures, corners, names = (self._file[name] for name in ("img", "coords", "barcode"))
        shapes = [getattr(part, "shape", ()) for part in (pictures, corners, names)]
        n = shapes[0][0] if shapes[0] else 0
        right = [(n, *shapes[0][1:2] * 2, 3), (n, 2)]
        if n == 0 or shapes[:2] != right or shapes[2] not in ((n,), (n, 1)):
            raise InputError(
                f"the patches of {self.path.name} do not fit together",
                expected="img (n, side, side, 3), coords (n, 2), barcode (n, 1), n at least 1",
                got=", ".join(map(str, shapes)),
            )
        if pictures.dtype != np.uint8:
            raise InputError(f"{self.path.name} has {pictures.dtype} pixels", expected="uint8 RGB")

    def _full_side(self) -> float:
        """Return the side of a patch in full-resolution pixels."""
        places = (self._file["img"].attrs, self._file["coords"].attrs, self._file.attrs)
        stated = {key: value for attributes in places for key, value in attributes.items()}
        factors = {"downsample": self._file["img"].shape[1], **dict.fromkeys(_SIDES, 1)}
        for key, factor in factors.items():
            if key in stated:
                with decoding(self.path):
                    side = float(stated[key]) * factor
                if np.isfinite(side) and side >= 1:
                    return side
        raise InputError(
            f"{self.path.name} does not say how large its patches are",
            expected="an attribute downsample (full-resolution pixels per patch pixel)",
            got=listing(f"{key} {value}" for key, value in stated.items()) or "no attributes",
        )

    def read_sizes(
        self, x: int, y: int, width: int, height: int, sizes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        """Return a rectangle as uint8 RGB of these sizes; the patch nearest its centre wins."""
        canvases = [np.full((*out[::-1], 3), 255, np.uint8) for out in sizes]
        low, high = self._corners, self._corners + self._side
        inside = (low < [x + width, y + height]).all(axis=1) & (high > [x, y]).all(axis=1)
        centre = np.array([x + width / 2, y + height / 2])
        distance = np.abs((low + high) / 2 - centre).max(axis=1)
        rows = np.flatnonzero(inside)
        for row in rows[np.argsort(-distance[rows], kind="stable")]:
            with decoding(self.path):
                patch = self._file["img"][row]
            for canvas, out in zip(canvases, sizes, strict=True):
                scale = np.array([out[0] / width, out[1] / height])
                start = np.round((low[row] - [x, y]) * scale).astype(int)
                side = np.maximum(np.round(self._side * scale).astype(int), 1)
                _paste(canvas, fit(patch, tuple(side.tolist())), start)
        return canvases

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def _paste(canvas: np.ndarray, picture: np.ndarray, start: np.ndarray) -> None:
    left, top = np.maximum(start, 0)
    right = min(start[0] + picture.shape[1], canvas.shape[1])
    bottom = min(start[1] + picture.shape[0], canvas.shape[0])
    if right > left and bottom > top:
        rows = slice(top - start[1], bottom - start[1])
        canvas[top:bottom, left:right] = picture[rows, left - start[0] : right - start[0]]
