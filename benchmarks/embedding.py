"""Embedding a slide: decoding alone, encoding alone, and both through the pipeline.

Of a drawn tissue, kept as a tiled pyramid TIFF and as a JPEG, patches of 150 µm at 0.5 µm per pixel
are cut on a grid of 100 µm. The ideal is the CPU time of both parts, each measured alone in this
run, shared by all cores; ``ratio`` is ideal over measured wall time, the worse of both files.

    python benchmarks/embedding.py --patches 4000 --onnx model.onnx --json embedding.json

Wall times are of a machine that does nothing else; ``load`` tells whether this one did.
"""

import argparse
import json
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import tifffile
from one_patch_at_a_time import OnePatchAtATime
from PIL import Image
from scipy import ndimage

from spatialrag.encoders.color import Color
from spatialrag.encoders.embedding import embed
from spatialrag.encoders.onnx import OnnxEncoder
from spatialrag.pipeline import available_cores
from spatialrag.slides.patches import PatchGrid, cut_patches
from spatialrag.slides.placement import place
from spatialrag.slides.slide import opened
from spatialrag.slides.spots import Spots

MPP, PATCH_UM, PITCH_UM, BATCH = 0.5, 150.0, 100.0, 32
ONNX = Path(__file__).parents[2] / "shared" / "data" / "encoders" / "mobilenet_v2_imagenet.onnx"
SLIDE = 20_000  # patches of a whole slide


def draw_tissue(side, seed=0):
    """Return an oval of stained texture on glass, (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    tile = np.stack(
        [ndimage.gaussian_filter(rng.normal(size=(1024, 1024)), s, mode="wrap") for s in (2, 3, 5)],
        axis=-1,
    )
    tile = tile / tile.std(axis=(0, 1)) * (35, 30, 20) + (180, 120, 170)
    tile = np.clip(tile + rng.normal(0, 4, tile.shape), 0, 255).astype(np.uint8)
    pixels = np.tile(tile, (-(-side // 1024),) * 2 + (1,))[:side, :side]
    row, column = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    pixels[row**4 + column**4 > 0.95] = 243
    return pixels


def write_slides(folder, side):
    """Write the same picture as a tiled pyramid and as a JPEG; return their paths."""
    pixels = draw_tissue(side)
    Image.fromarray(pixels).save(folder / "slide.jpg", quality=90)
    with tifffile.TiffWriter(folder / "slide.tif", bigtiff=True) as writer:
        for level in range(4):
            options = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
            writer.write(pixels, tile=(256, 256), subfiletype=int(level > 0), **options)
            pixels = np.asarray(Image.fromarray(pixels).reduce(2))
    return {"tiff": folder / "slide.tif", "jpeg": folder / "slide.jpg"}


def grid_of(n, path):
    """Return n spots on a square grid; those in the corners lie on glass, as on a whole array."""
    columns = int(np.ceil(np.sqrt(n)))
    step = PITCH_UM / MPP
    column, row = np.meshgrid(np.arange(columns), np.arange(columns))
    xy = (np.column_stack([column.ravel(), row.ravel()])[:n] + 1) * step
    return Spots("slide", [f"s{i}" for i in range(n)], xy, path, MPP, "given")


def timed(work):
    """Return what work returns, and its wall and CPU seconds, threads included."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def cut_all(spots, size_px):
    """Yield batches of patches, the slide opened and its place judged first, as `embed` does."""
    with opened(spots.image) as slide:
        place(spots, slide)
        grid = PatchGrid(spots.xy, spots.spots, PATCH_UM, MPP)
        for start in range(0, len(spots.xy), BATCH):
            rows = slice(start, start + BATCH)
            yield cut_patches(slide, grid, sizes_px=(size_px,), rows=rows)[0]


def parts_alone(encoder, spots):
    """Return CPU seconds of decoding and of encoding, one after the other, and the vectors."""
    seconds, vectors = {"decoding": 0.0, "encoding": 0.0}, []
    batches = cut_all(spots, encoder.size_px)
    while True:
        patches, _, cpu = timed(lambda: next(batches, None))
        seconds["decoding"] += cpu
        if patches is None:
            return seconds["decoding"], seconds["encoding"], np.concatenate(vectors)
        made, _, cpu = timed(lambda: encoder.encode(patches))  # noqa: B023  (called at once)
        seconds["encoding"] += cpu
        vectors.append(made)


def measure(encoder, spots):
    """Return seconds of each part alone and together, and whether vectors are the same."""
    encoder.encode(np.zeros((BATCH, encoder.size_px, encoder.size_px, 3), np.uint8))  # warm
    decoding, encoding, vectors = parts_alone(encoder, spots)
    found, wall, cpu = timed(
        lambda: embed(spots, encoder=encoder, patch_um=PATCH_UM, context=0, batch=BATCH)
    )
    ideal, n = (decoding + encoding) / available_cores(), len(vectors)
    return {
        "ratio": ideal / wall,
        "ideal_seconds": ideal,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "cpu_over_parts": cpu / (decoding + encoding),
        "decoding_ms_per_patch": decoding / n * 1e3,
        "encoding_ms_per_patch": encoding / n * 1e3,
        "patches_per_second": n / wall,
        "whole_slide_seconds": SLIDE * wall / n,
        "bits_equal": bool((vectors == found.vectors).all()),
    }


def seeded_network(size_px=224):
    """Return a small torch network with random weights, or None without torch."""
    try:
        import torch

        from spatialrag.encoders.network import NetworkEncoder
    except ImportError:
        return None
    torch.manual_seed(0)
    torch.set_num_threads(available_cores())
    widths = (3, 16, 32, 64)
    layers = [
        part
        for before, after in pairwise(widths)
        for part in (torch.nn.Conv2d(before, after, 3, stride=2), torch.nn.ReLU())
    ]
    pooled = torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    return NetworkEncoder(torch.nn.Sequential(*layers, *pooled).eval(), "small", "1", size_px)


def color_speedup(patches):
    """Return CPU of version 0.1 over CPU of now, and the largest difference."""
    old, new = OnePatchAtATime(), Color()
    new.encode(patches[:BATCH])
    expected, _, before = timed(lambda: old.encode(patches))
    found, _, now = min((timed(lambda: new.encode(patches)) for _ in range(3)), key=lambda t: t[2])
    return before / now, float(np.abs(found - expected).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--patches", type=int, default=4000)
    parser.add_argument("--onnx", type=Path, default=ONNX)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    side = int((np.ceil(np.sqrt(options.patches)) + 1) * PITCH_UM / MPP)
    encoders = {"color": Color(), "torch": seeded_network()}
    if options.onnx.is_file():
        encoders["onnx"] = OnnxEncoder(options.onnx)
    report = {"patches": options.patches, "cores": available_cores(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        paths = write_slides(Path(folder), side)
        sample = grid_of(min(options.patches, 256), paths["tiff"])
        sample = np.concatenate(list(cut_all(sample, Color().size_px)))
        report["color_speedup"], report["color_difference"] = color_speedup(sample)
        report["parts"] = {
            name: {kind: measure(encoder, grid_of(options.patches, p)) for kind, p in paths.items()}
            for name, encoder in encoders.items()
            if encoder is not None
        }
    report["ratio"] = {
        name: min(part["ratio"] for part in parts.values())
        for name, parts in report["parts"].items()
    }
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text)


if __name__ == "__main__":
    main()
