"""Keypoints of the tissue on a small picture, as text of some kilobytes.

SIFT (Lowe 2004, IJCV 60:91), because its descriptors outlast what happens to a picture between two
archives: saving again, another size, a cut border, turning. 200 are kept, the largest first: of a
picture whose border was cut, these are found again.
"""

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spatialrag.errors import InputError

_RULE = "sift1:"  # marks by another rule cannot be compared
_MOST = 200
_HEAD, _STEPS = 3, 16  # numbers before the places; places are kept in 16ths of a pixel
_LEVELS = 15  # descriptors are kept in 4 bits; few entries exceed 0.6 of the highest
_CLIPPED = 0.6
_CONTRAST = 0.01  # of the normalized picture's range
_REACH, _SURROUND = 16, 24  # pixels over which brightness and contrast are made even
_DARK = 25  # of 255: painted background
_COLORED = 0.2  # of the strongest color of the picture: tissue, and not glass or print
_COLORLESS = 0.02  # no color at all (absorbance, natural logarithm): a grey picture


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of one picture.

    Parameters
    ----------
    size
        Width and height of the picture they were found on, pixels.
    xy : (n, 2)
        Places on it.
    descriptors : (n, 128)
        SIFT descriptors in whole numbers of 0 to 15, float32.
    """

    size: tuple[int, int]
    xy: np.ndarray
    descriptors: np.ndarray

    def mirrored(self) -> "Keypoints":
        """Return the keypoints of the picture mirrored left to right."""
        # 4 x 4 places of 8 directions each: places swap sides, directions turn the other way.
        blocks = self.descriptors.reshape(-1, 4, 4, 8)[:, :, ::-1, ::-1]
        turned = np.roll(blocks, 1, axis=3).reshape(self.descriptors.shape)
        return Keypoints(self.size, [self.size[0] - 1, 0] + self.xy * [-1, 1], turned)

    @property
    def text(self) -> str:
        """The keypoints as text, about 60 bytes each."""
        numbers = np.array([*self.size, len(self.xy)], "<u2").tobytes()
        numbers += np.rint(self.xy * _STEPS).astype("<u2").tobytes()
        values = self.descriptors.astype(np.uint8)
        numbers += (values[:, ::2] << 4 | values[:, 1::2]).tobytes()
        return _RULE + base64.b64encode(zlib.compress(numbers, 9)).decode()

    @classmethod
    def of_text(cls, text: str) -> "Keypoints | None":
        """Return the keypoints that `text` wrote; None of ``""`` and of another rule's.

        Raises
        ------
        InputError
            The text is damaged.
        """
        if not text.startswith(_RULE):
            return None
        try:
            numbers = zlib.decompress(base64.b64decode(text.removeprefix(_RULE), validate=True))
            width, height, n = np.frombuffer(numbers, "<u2", _HEAD).tolist()
            places, packed = np.split(np.frombuffer(numbers[2 * _HEAD :], np.uint8), [4 * n])
            xy = places.view("<u2").reshape(n, 2) / _STEPS
            values = np.stack([packed >> 4, packed & 15], axis=-1).reshape(n, 128)
        except (ValueError, binascii.Error, zlib.error) as error:
            raise InputError(
                "the marks of a picture are damaged",
                got=f"{type(error).__name__}: {error}",
                fix="build the bank of this slide again",
            ) from error
        return cls((width, height), xy, values.astype(np.float32))


def find_keypoints(picture: np.ndarray) -> Keypoints:
    """Return the largest keypoints on the tissue of a picture, 200 at the most.

    Parameters
    ----------
    picture : (height, width, 3) uint8
        About 500 pixels on the longer side.
    """
    from skimage.feature import SIFT

    finder = SIFT(upsampling=1, c_dog=_CONTRAST)
    size = (picture.shape[1], picture.shape[0])
    try:
        finder.detect_and_extract(_even(picture))
    except RuntimeError:  # there are none
        return Keypoints(size, np.empty((0, 2)), np.empty((0, 128), np.float32))
    positions, sigmas, descriptors = (
        np.asarray(each) for each in (finder.positions, finder.sigmas, finder.descriptors)
    )
    row, column = np.rint(positions).astype(int).T
    row, column = np.clip(row, 0, size[1] - 1), np.clip(column, 0, size[0] - 1)
    on_tissue = np.flatnonzero(_colored(picture)[row, column])
    kept = on_tissue[np.argsort(-sigmas[on_tissue], kind="stable")[:_MOST]]
    highest = descriptors[kept] / (255 * _CLIPPED)
    levels = np.minimum(np.rint(highest * _LEVELS), _LEVELS).astype(np.float32)
    xy = np.clip(positions[kept, ::-1], 0, None)
    return Keypoints(size, np.rint(xy * _STEPS) / _STEPS, levels)


def _even(picture: np.ndarray) -> np.ndarray:
    """Return a picture's absorbance with even brightness and contrast, 0 to 1.

    Contrast is raised no further than to that of the tissue: the noise of glass stays low.
    """
    absorbed = np.log(picture.mean(axis=-1, dtype=np.float32) + 8)
    detail = absorbed - ndimage.gaussian_filter(absorbed, _REACH)
    contrast = np.sqrt(ndimage.gaussian_filter(detail**2, _SURROUND))
    usual = np.median(contrast[contrast >= np.median(contrast)])
    return np.clip(detail / (contrast + usual + 1e-6) / 4 + 0.5, 0, 1)


def _colored(picture: np.ndarray) -> np.ndarray:
    """Return where there is color: printed frames, shadows and glass have none. All of it if grey.

    Unlike `find_tissue` this needs no glass on the rim: a cut border changes little.
    """
    white = np.log(np.quantile(picture, 0.95, axis=(0, 1)) + 8)
    absorbed = white - np.log(picture.astype(np.float32) + 8)
    color = np.where(picture.max(axis=-1) < _DARK, 0, np.ptp(absorbed, axis=-1))
    color = ndimage.gaussian_filter(color, 3)
    strongest = np.quantile(color, 0.98)
    if strongest < _COLORLESS:
        return np.ones(color.shape, bool)
    return color > _COLORED * strongest
