from dataclasses import dataclass, field

import numpy as np
import pytest

from spatialrag.encoders.patch_vectors import encode_patches
from spatialrag.errors import InputError
from spatialrag.slides.slide import opened


@dataclass
class Mean:
    """Mean color; fails at a chosen batch."""

    name: str = "mean"
    fingerprint: str = "1"
    size_px: int = 8
    fail_at: int = -1
    calls: list[int] = field(default_factory=list)

    def encode(self, patches):
        if len(self.calls) == self.fail_at:
            raise KeyboardInterrupt
        self.calls.append(len(patches))
        return patches.mean(axis=(1, 2))


def made(section, encoder, **options):
    located = section.located
    with opened(located.image) as slide:
        return encode_patches(slide, located, encoder=encoder, patch_um=90, **options)


@pytest.mark.parametrize("fail_at", range(6))
@pytest.mark.parametrize("pictured", [True, False])
def test_a_killed_run_is_taken_up(toy_sections, tmp_path, fail_at, pictured):
    """Killed at each batch, with pictures or without: the same as in one go."""
    section, options = toy_sections[0], {"batch": 10, "cache": tmp_path}
    expected = made(section, Mean(), thumbnail_px=12)
    with pytest.raises(KeyboardInterrupt):
        made(section, Mean(fail_at=fail_at), thumbnail_px=12 * pictured, **options)
    second = Mean()
    found = made(section, second, thumbnail_px=12, **options)
    assert sum(second.calls) == 56 - 10 * fail_at
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_array_equal(found.thumbnails, expected.thumbnails)
    assert found.placement == expected.placement
    assert len(list(tmp_path.iterdir())) == 2


def test_vectors_are_those_of_whole_patches(toy_sections):
    """Against means over the picture's own pixels: 8 of them at 1 µm a side."""
    section = toy_sections[0]
    with opened(section.image) as slide:
        whole = slide.read_region(0, 0, *slide.size, slide.size).astype(float)
        found = encode_patches(slide, section.located, encoder=Mean(), patch_um=8)
    x, y = np.round(section.xy[5] - 4).astype(int)
    np.testing.assert_allclose(
        found.vectors[5], whole[y : y + 8, x : x + 8].mean(axis=(0, 1)), rtol=1e-6
    )


def test_a_cache_of_another_kind_is_no_cache(toy_sections, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        made(toy_sections[0], Mean(), cache=tmp_path / "file")
