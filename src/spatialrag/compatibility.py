"""Library builds that do not fit each other, made to."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_kept: list[Any] = []


def prepare_torchvision() -> bool:
    """Let a CUDA build of torchvision be imported beside a CPU build of torch.

    torchvision describes the operators of its compiled library on import; the library of a CUDA
    build does not load beside a CPU torch, and the import fails. The two operators it misses
    are declared here. They stay without an implementation: nothing here uses them. timm and
    transformers import torchvision, so this is called before either is.

    Returns
    -------
    bool
        Whether anything had to be declared: False without torchvision, and with builds that fit.
    """
    found = find_spec("torchvision")
    if found is None or found.origin is None:
        return False
    import torch

    version = Path(found.origin).with_name("version.py")
    built_for_cuda = version.exists() and re.search(r"\+cu\d+", version.read_text())
    if torch.version.cuda is not None or not built_for_cuda:
        return False
    if not _kept:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)
    return True
