"""Any ONNX model as a patch encoder, on onnxruntime."""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.provenance import fingerprint

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
VALUE_RANGES = ("0_255", "0_1", "imagenet")


@dataclass(frozen=True)
class Contract:
    """What the model wants to be fed.

    Parameters
    ----------
    size_px
        Side of its input, pixels.
    channels_last
        Whether the input is (n, h, w, 3) rather than (n, 3, h, w).
    values
        ``0_255``, ``0_1``, or ``imagenet`` (0..1, then ImageNet mean and standard deviation).
    """

    size_px: int
    channels_last: bool
    values: str

    def prepare(self, patches: np.ndarray) -> np.ndarray:
        """Return uint8 RGB patches as the model's float32 input."""
        x = patches.astype(np.float32)
        if self.values != "0_255":
            x /= 255
        if self.values == "imagenet":
            mean, std = (np.array(_IMAGENET[key], np.float32) for key in ("mean", "std"))
            x = (x - mean) / std
        return np.ascontiguousarray(x if self.channels_last else x.transpose(0, 3, 1, 2))


class OnnxEncoder:
    """An ONNX model whose first output is one vector per patch.

    The input's layout and size are read from the model. The value range is read from, in this
    order: the argument; a JSON file ``<model>.json`` with ``{"values": "0_1"}``; the model's
    metadata property ``values``; an input name that ends in ``0_255``, ``0_1`` or ``imagenet``.

    Parameters
    ----------
    path
        The ``.onnx`` file.
    values
        ``0_255``, ``0_1`` or ``imagenet``.

    Examples
    --------
    >>> encoder = OnnxEncoder("mobilenet_v2_imagenet.onnx")  # doctest: +SKIP
    """

    concurrent = True

    def __init__(self, path: str | Path, *, values: str | None = None) -> None:
        path = Path(path)
        if not path.is_file():
            raise InputError(f"the ONNX model {path} does not exist", fix="check onnx:PATH")
        if find_spec("onnxruntime") is None:
            raise MissingDependencyError("onnxruntime", extra="onnx", needed_for="ONNX encoders")
        self.path = path
        self.name = path.stem
        self.contract = _read_contract(path, self._session, values)
        self.size_px = self.contract.size_px
        self.fingerprint = fingerprint("onnx", path, self.contract.values)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        # One core a call: as many calls as there are cores use them better than one call does, and
        # onnxruntime's own threads spin while they wait.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Return (n, dim) float32 vectors of uint8 RGB patches."""
        name = self._session.get_inputs()[0].name
        vectors = self._session.run(None, {name: self.contract.prepare(patches)})[0]
        return vectors.astype(np.float32).reshape(len(patches), -1)


def _read_contract(path: Path, session: Any, values: str | None) -> Contract:
    entry = session.get_inputs()[0]
    shape = entry.shape
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise InputError(
            f"{path.name} does not take RGB patches",
            expected="an input of shape (n, 3, h, w) or (n, h, w, 3)",
            got=f"{entry.name} {shape}",
        )
    channels_last = shape[3] == 3
    sizes = shape[1:3] if channels_last else shape[2:4]
    size = sizes[0] if isinstance(sizes[0], int) else 224
    sidecar = path.with_name(path.name + ".json")
    declared = json.loads(sidecar.read_text()) if sidecar.exists() else {}
    stated = session.get_modelmeta().custom_metadata_map
    by_name = next((v for v in VALUE_RANGES if entry.name.lower().endswith(v)), None)
    values = values or declared.get("values") or stated.get("values") or by_name
    if values not in VALUE_RANGES:
        raise InputError(
            f"the value range of {path.name}'s input {entry.name!r} is not declared",
            expected=f"one of {', '.join(VALUE_RANGES)}",
            got=repr(values),
            fix=f'write {{"values": "0_1"}} (or the right one) into {sidecar.name} beside it',
        )
    return Contract(size_px=size, channels_last=channels_last, values=values)


def from_spec(argument: str) -> OnnxEncoder:
    """Return the encoder for ``onnx:PATH``."""
    if not argument:
        raise InputError("the onnx encoder needs a model", expected="onnx:PATH")
    return OnnxEncoder(argument)
