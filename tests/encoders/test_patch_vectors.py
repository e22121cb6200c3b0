import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from spatialrag.encoders.patch_vectors import encode_patches
from spatialrag.errors import InputError
from spatialrag.slides.patches import PatchGrid, cut_patches
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


@dataclass
class Slow(Mean):
    """Says in which threads it is called, and ends sooner for later batches."""

    concurrent: bool = False
    threads: set = field(default_factory=set)

    def encode(self, patches):
        self.threads.add(threading.current_thread())
        time.sleep(0.02 if len(patches) == 4 else 0)
        return super().encode(patches)


@pytest.mark.parametrize("concurrent", [True, False])
def test_batches_come_in_order_from_threads_only_where_the_encoder_says_so(
    toy_sections, monkeypatch, concurrent
):
    monkeypatch.setattr("spatialrag.pipeline.available_cores", lambda: 3)
    encoder = Slow(concurrent=concurrent)
    found = made(toy_sections[0], encoder, batch=4, thumbnail_px=8)
    expected = made(toy_sections[0], Mean(), batch=56, thumbnail_px=8)
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_array_equal(found.thumbnails, expected.thumbnails)
    main = threading.current_thread() in encoder.threads
    assert main != concurrent
    assert (len(encoder.threads) > 1) == concurrent


def test_a_seeded_network_embeds_as_it_encodes(toy_sections):
    """Through threads that read ahead: the vectors of its own batches, to the last bit."""
    torch = pytest.importorskip("torch")
    from spatialrag.encoders.network import NetworkEncoder

    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 5, 4, stride=2), torch.nn.ReLU(), torch.nn.Flatten()
    network = torch.nn.Sequential(*layers).eval()
    encoder = NetworkEncoder(network, "small", "1", size_px=12)
    section = toy_sections[0]
    found = made(section, encoder, batch=10)
    grid = PatchGrid(section.xy, section.spots, 90, section.mpp)
    with opened(section.image) as slide:
        (patches,) = cut_patches(slide, grid, sizes_px=(12,))
    expected = [encoder.encode(patches[start : start + 10]) for start in range(0, 56, 10)]
    np.testing.assert_array_equal(found.vectors, np.concatenate(expected))


class CountedCalls:
    """A slide that knows one size."""

    def __init__(self, slide):
        self.path, self.size, self.mpp = slide.path, slide.size, slide.mpp
        self._slide, self.calls = slide, 0

    def read_region(self, x, y, width, height, out):
        self.calls += 1
        return self._slide.read_region(x, y, width, height, out)

    def close(self):
        self._slide.close()


def test_a_damaged_picture_ends_the_run_and_closes_the_slide(toy_sections, slides_read):
    section = toy_sections[0]

    class Broken(CountedCalls):
        def read_region(self, x, y, width, height, out):
            if self.calls == 20:
                raise InputError("cannot be decoded")
            return super().read_region(x, y, width, height, out)

    with opened(section.image) as slide, pytest.raises(InputError, match="cannot be decoded"):
        encode_patches(Broken(slide), section.located, encoder=Mean(), patch_um=90, batch=4)
    assert slides_read.closed == 1


@pytest.mark.parametrize("wrong", [lambda patches: patches.mean(axis=1), lambda _: np.ones((3, 2))])
def test_what_is_no_vector_per_patch_is_refused_at_the_first_batch(toy_sections, wrong):
    encoder = Mean()
    encoder.encode = wrong
    with pytest.raises(InputError, match=r"(?s)'mean' returns no vectors.*\(10, dim\)"):
        made(toy_sections[0], encoder, batch=10)
