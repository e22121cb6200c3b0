"""Vectors and pictures of a slide's patches: cut once, encoded in batches, kept and taken up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from spatialrag.encoders.cache import VectorCache
from spatialrag.encoders.encoder import PatchEncoder, is_concurrent
from spatialrag.errors import InputError
from spatialrag.pipeline import computed_ahead
from spatialrag.progress import track
from spatialrag.provenance import fingerprint
from spatialrag.slides.patches import PatchGrid, cut_patches
from spatialrag.slides.placement import Placement, place
from spatialrag.slides.slide import Slide
from spatialrag.slides.spots import Spots

PIXELS = "pixels 2"  # changes when slides are read differently: older vectors are not taken then


@dataclass(frozen=True, eq=False)
class PatchVectors:
    """What was made of the patches of a slide.

    Parameters
    ----------
    vectors : (n_spots, dim) float32
    placement
        How the spots lie on the slide.
    thumbnails : (n_spots, px, px, 3) uint8, optional
        Pictures of the patches.
    """

    vectors: np.ndarray
    placement: Placement
    thumbnails: np.ndarray | None = None


def encode_patches(
    slide: Slide,
    spots: Spots,
    *,
    encoder: PatchEncoder,
    patch_um: float,
    cache: str | Path | None = None,
    batch: int = 32,
    thumbnail_px: int = 0,
) -> PatchVectors:
    """Return the vectors of spots that were checked, and pictures of their patches.

    Every patch is decoded once, at the resolution that the encoder needs; both are made of it.

    Parameters
    ----------
    slide
        The slide, opened; nothing is decoded where the cache holds everything.
    spots, encoder, patch_um, cache, batch, thumbnail_px
        As in `spatialrag.embed`.

    Raises
    ------
    InputError
        A batch of no size, a cache folder that cannot be written, a damaged image.
    """
    if batch < 1:
        raise InputError("batch must be at least 1", got=str(batch))
    n, mpp = len(spots.xy), spots.require_mpp()
    grid = PatchGrid(spots.xy, spots.spots, patch_um, mpp)
    vectors, pictures = _Rows(n), _Rows(n)
    if cache is not None:
        parts = (spots.spots.tolist(), spots.xy, f"{mpp:.9g}", f"{patch_um:g}")
        key = fingerprint(PIXELS, spots.require_image(), *parts, encoder.fingerprint)
        name = f"{spots.slide}-{encoder.name}"
        vectors = _Rows.kept(VectorCache(cache, name, key=key, n_rows=n), n)
        if thumbnail_px:
            key = fingerprint("thumbnails", key, encoder.size_px, thumbnail_px)
            name = f"{name}-thumbnails{thumbnail_px}"
            kept = VectorCache(cache, name, key=key, n_rows=n, dtype=np.uint8)
            pictures = _Rows.kept(kept, n)
    patches = _Patches(slide, grid, encoder, thumbnail_px, batch)
    # Patches are encoded on all cores at once: linear algebra on several threads each only waits.
    with ThreadPoolExecutor(1) as beside, threadpool_limits(1, user_api="blas"):
        placed = None if vectors.facts else beside.submit(place, spots, slide)
        if thumbnail_px:
            _cut_pictures(patches, pictures, until=vectors.done, label=f"pictures {spots.slide}")
        _encode(patches, vectors, pictures, label=f"embed {spots.slide}")
        facts = asdict(placed.result()) if placed else vectors.facts
    thumbnails = None
    if thumbnail_px:
        thumbnails = pictures.finish({}).reshape(n, thumbnail_px, thumbnail_px, 3)
    placement = Placement(**facts | {"mpp_source": spots.mpp_source})
    return PatchVectors(vectors.finish(facts), placement, thumbnails)


@dataclass
class _Rows:
    """Rows of one kind as far as they are done, from the first on."""

    n: int
    cache: VectorCache | None = None
    facts: dict[str, object] = field(default_factory=dict)
    parts: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def kept(cls, cache: VectorCache, n: int) -> "_Rows":
        """Return what the cache holds."""
        if (found := cache.finished()) is not None:
            return cls(n, None, found[1], [found[0]])
        return cls(n, cache, {}, cache.resume())

    @property
    def done(self) -> int:
        return sum(map(len, self.parts))

    def append(self, part: np.ndarray) -> None:
        if self.cache is not None:
            self.cache.append(part, self.done)
        self.parts.append(part)

    def forget(self, start: int) -> None:
        """Forget the rows from ``start`` on."""
        if 0 <= start < self.done:
            self.parts = [np.concatenate(self.parts)[:start]]

    def finish(self, facts: dict[str, object]) -> np.ndarray:
        rows = np.concatenate(self.parts)
        if self.cache is not None:
            self.cache.finish(rows, facts)
        return rows


@dataclass(frozen=True)
class _Patches:
    """The patches of a slide, by rows."""

    slide: Slide
    grid: PatchGrid
    encoder: PatchEncoder
    thumbnail_px: int
    batch: int

    def pieces(self, start: int, stop: int) -> list[slice]:
        edges = range(start, stop, self.batch)
        return [slice(edge, min(edge + self.batch, stop)) for edge in edges]

    def cut(self, rows: slice, *, pictured: bool) -> list[np.ndarray]:
        """Return patches for the encoder, and their pictures as rows where they are wanted."""
        sizes = (self.encoder.size_px, self.thumbnail_px)[: 1 + pictured]
        block, *pictures = cut_patches(self.slide, self.grid, sizes_px=sizes, rows=rows)
        return [block, *(each.reshape(len(each), -1) for each in pictures)]

    def encode(self, block: np.ndarray) -> np.ndarray:
        vectors = np.asarray(self.encoder.encode(block), np.float32)
        if vectors.ndim != 2 or len(vectors) != len(block):
            raise InputError(
                f"the encoder {self.encoder.name!r} returns no vectors",
                expected=f"an array ({len(block)}, dim)",
                got=str(vectors.shape),
            )
        return vectors


def _cut_pictures(patches: _Patches, pictures: _Rows, *, until: int, label: str) -> None:
    """Cut the pictures of patches whose vectors an earlier run has made."""
    if pictures.done < pictures.n:
        pictures.forget(until)
    pieces = patches.pieces(pictures.done, until)

    def cut(rows: slice) -> np.ndarray:
        return patches.cut(rows, pictured=True)[1]

    with computed_ahead(cut, pieces) as blocks:
        for block in track(blocks, label=label, total=len(pieces)):
            pictures.append(block)


def _encode(patches: _Patches, vectors: _Rows, pictures: _Rows, *, label: str) -> None:
    """Encode the patches that have no vector yet, and cut their pictures where they are wanted.

    Threads cut patches ahead; of encoders that want it, they encode them as well.
    """
    pictured = bool(patches.thumbnail_px) and pictures.done < pictures.n
    pieces, concurrent = patches.pieces(vectors.done, vectors.n), is_concurrent(patches.encoder)

    def cut(rows: slice) -> list[np.ndarray]:
        block, *pictures_of_block = patches.cut(rows, pictured=pictured)
        return [patches.encode(block) if concurrent else block, *pictures_of_block]

    with computed_ahead(cut, pieces) as blocks:
        for made, *pictures_of_block in track(blocks, label=label, total=len(pieces)):
            for part in pictures_of_block:
                pictures.append(part)
            vectors.append(made if concurrent else patches.encode(made))
