import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.slides.platforms import check_pitch, pitch_of, platform_of
from spatialrag.slides.spots import Spots

RNG = np.random.default_rng(0)


def hexagonal(pitch, *, columns=8, rows=10):
    column, row = np.meshgrid(np.arange(columns), np.arange(rows))
    x = (column + 0.5 * (row % 2)) * pitch
    return np.column_stack([x.ravel(), (row * pitch * np.sqrt(3) / 2).ravel()])


def square(pitch, *, side=9):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * pitch


def barcodes(n):
    return ["".join(RNG.choice(list("ACGT"), 16)) + "-1" for _ in range(n)]


def visium(pitch, mpp, source="given"):
    xy = hexagonal(pitch)
    return Spots("v", barcodes(len(xy)), xy, mpp=mpp, mpp_source=source)


def test_visium_is_told_by_barcodes_on_a_hexagonal_lattice():
    spots = visium(50, 2.0)
    assert platform_of(spots) == "Visium"
    prefixed = Spots("v", [f"151675_{n}" for n in spots.spots], spots.xy)
    assert platform_of(prefixed) == "Visium"
    assert check_pitch(spots).mpp == pytest.approx(2.0)
    assert check_pitch(visium(50, 1.7)).mpp == pytest.approx(2.0)  # within 20 %
    with pytest.raises(InputError, match=r"(?s)'v'.*0\.2125 \(stated by s\.tif\); 2 \(.*Visium"):
        check_pitch(visium(50, 0.2125, "stated by s.tif"))


@pytest.mark.parametrize("width", [2, 8, 16])
def test_bins_of_visium_hd(width):
    xy = square(width / 0.25)
    names = [f"s_{width:03d}um_{i:05d}_{j:05d}-1" for i in range(9) for j in range(9)]
    assert platform_of(Spots("h", names, xy)) == f"Visium HD {width} µm"
    assert check_pitch(Spots("h", names, xy, mpp=0.25)).mpp == pytest.approx(0.25)
    with pytest.raises(InputError, match="differently"):
        check_pitch(Spots("h", names, xy, mpp=13.75))


def test_what_is_not_known_is_not_judged():
    names = [f"{i}x{j}" for i in range(9) for j in range(9)]
    assert check_pitch(Spots("s", names, square(120), mpp=1.0)) is None
    assert platform_of(Spots("s", barcodes(81), square(120), mpp=1.0)) is None  # cells, a grid
    scattered = RNG.random((200, 2)) * 1000
    assert check_pitch(Spots("s", barcodes(200), scattered, mpp=1.0)) is None
    some = visium(50, 0.2)
    few = some.select(some.spots[RNG.permutation(80)[:20]])  # no longer neighbors
    assert check_pitch(few, platform="Visium") is None
    assert check_pitch(Spots("s", [], np.empty((0, 2)))) is None
    assert check_pitch(some.select(some.spots[:3]), platform="Visium") is None


def test_a_named_platform():
    spots = Spots("C2", [f"{i}x{j}" for i in range(9) for j in range(9)], square(272.0), mpp=0.6)
    with pytest.raises(InputError, match="Spatial Transcriptomics"):
        check_pitch(spots, platform="Spatial Transcriptomics")
    without = Spots("C2", spots.spots, spots.xy)
    implied = check_pitch(without, platform="Spatial Transcriptomics")
    assert implied.mpp == pytest.approx(200 / 272)
    assert pitch_of("Visium") == 100
    with pytest.raises(InputError, match="unknown platform"):
        check_pitch(spots, platform="Xenium")
