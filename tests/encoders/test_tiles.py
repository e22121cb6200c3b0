import numpy as np
import pytest

from spatialrag.encoders.embedding import embed
from spatialrag.encoders.tiles import TileEncoder, embed_tiles
from spatialrag.errors import InputError


class Mean:
    """The mean color of a patch of 4 pixels."""

    name, fingerprint, size_px = "mean", "m", 4

    def encode(self, patches):
        return patches.mean(axis=(1, 2), dtype=np.float32)


def test_tiles_are_cut_row_by_row():
    patches = np.random.default_rng(0).integers(0, 255, (2, 12, 12, 3), dtype=np.uint8)
    found = TileEncoder(Mean(), 3).encode(patches).reshape(2, 9, 3)
    np.testing.assert_allclose(found[1, 5], patches[1, 4:8, 8:12].mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(found.mean(axis=1), patches.mean(axis=(1, 2)), rtol=1e-5)


def test_tiles_of_slides(toy_sections, tmp_path):
    sections = toy_sections[:2]
    tiles = embed_tiles(sections, encoder=Mean(), grid=2, patch_um=60, cache=tmp_path)
    names = sections[1].spots[[5, 2]]
    found = tiles.of("toy2", names)
    assert found.shape == (2, 4, 3)
    whole = embed(sections[1], encoder=Mean(), patch_um=60, context=0).vectors[[5, 2]]
    np.testing.assert_allclose(found.mean(axis=1), whole, atol=3)
    again = embed_tiles(sections, encoder=Mean(), grid=2, patch_um=60, cache=tmp_path)
    assert again.fingerprint == tiles.fingerprint
    with pytest.raises(InputError, match="slide 'toy9' has no tiles"):
        tiles.of("toy9", names)
    with pytest.raises(InputError, match="have no tiles: nowhere"):
        tiles.of("toy2", np.array(["nowhere"]))
    with pytest.raises(InputError, match="grid must be at least 1"):
        embed_tiles(sections, grid=0)
