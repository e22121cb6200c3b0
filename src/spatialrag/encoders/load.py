"""Load a published encoder: from the hub, from a local folder or file, or from one's own code."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from spatialrag.compatibility import prepare_torchvision
from spatialrag.encoders.hub import download
from spatialrag.encoders.network import NetworkEncoder
from spatialrag.encoders.take import TAKE
from spatialrag.encoders.weights import fill, find_weights
from spatialrag.encoders.zoo import PublishedEncoder, zoo
from spatialrag.errors import InputError, MissingDependencyError, listing
from spatialrag.provenance import fingerprint

try:
    import torch
except ImportError as error:
    raise MissingDependencyError(
        "torch", extra="encoders", needed_for="published encoders"
    ) from error


def load_encoder(
    name: str,
    *,
    weights: str | Path | None = None,
    revision: str | None = None,
    network: Any = None,
    device: str = "cpu",
) -> NetworkEncoder:
    """Return a published encoder, ready to be passed to `spatialrag.embed`.

    Parameters
    ----------
    name
        As `spatialrag encoders list` prints it.
    weights
        A folder as the hub keeps it (config and weights), a weights file (safetensors, or a
        PyTorch file that holds weights alone), a TorchScript file (``.pt``, ``.ts``), or
        ``module:function``, which returns the network. None asks the hub, or its cache.
    revision
        Branch, tag or commit of the hub. What was loaded stands in ``source``.
    network
        The network itself, for encoders that need their publisher's code.
    device
        Where it runs.

    Raises
    ------
    InputError
        Weights that are missing, gated, unreachable, or of another architecture; the message says
        what to do.

    Examples
    --------
    >>> encoder = load_encoder("uni", weights="uni.safetensors")  # doctest: +SKIP
    """
    entry = zoo()[name]
    if network is not None:
        made = _encoder(entry, network, _state_fingerprint(network), "given network")
    elif entry.loader == "precomputed":
        raise InputError(
            f"{name} embeds no patches",
            expected="vectors from a file",
            fix=f"pass precomputed:FOLDER. {entry.note}",
        )
    elif isinstance(weights, str) and ":" in weights and not Path(weights).exists():
        network = _call_factory(weights)
        made = _encoder(entry, network, _state_fingerprint(network), weights)
    elif weights is not None and Path(weights).suffix in {".ts", ".pt"}:
        made = _torchscript(entry, Path(weights))
    elif entry.loader == "own":
        raise InputError(
            f"{name} needs code of its publisher, which is never run unasked",
            fix=f"pass {name}:module:function (returns the network), {name}:FILE.pt "
            f"(TorchScript), or precomputed vectors. {entry.note}",
        )
    else:
        path, source = (
            download(entry, revision) if weights is None else (Path(weights), Path(weights).name)
        )
        made = _from_files(entry, path, source)
    return made if device == "cpu" else made.to(device)


def _from_files(entry: PublishedEncoder, path: Path, source: str) -> NetworkEncoder:
    if not path.exists():
        raise InputError(
            f"the weights {path} do not exist",
            expected="a folder with config and weights, or a weights file",
        )
    prepare_torchvision()
    if entry.loader == "transformers":
        network, weights = _build_transformers(entry, path)
    else:
        weights = find_weights(path) if path.is_dir() else path
        network = build_timm(entry, path / "config.json" if path.is_dir() else None)
        fill(network, weights, entry)
    return _encoder(entry, network, fingerprint(entry.name, entry.vector, weights), source)


def build_timm(entry: PublishedEncoder, config: Path | None = None) -> torch.nn.Module:
    """Return the network with random weights, of timm's class.

    Parameters
    ----------
    entry
        Its architecture and arguments.
    config
        The repository's ``config.json``, whose ``model_args`` come first where it exists.
    """
    try:
        import timm
        import timm.layers
    except ImportError as error:
        raise MissingDependencyError(
            "timm", extra="encoders", needed_for=f"the encoder {entry.name}"
        ) from error
    layers = {"SwiGLUPacked": timm.layers.SwiGLUPacked, "SiLU": torch.nn.SiLU}
    stated = json.loads(config.read_text()) if config is not None and config.exists() else {}
    arguments = {**stated.get("model_args", {}), **entry.arguments, "num_classes": 0}
    arguments = {k: layers.get(v, v) if isinstance(v, str) else v for k, v in arguments.items()}
    architecture = stated.get("architecture", entry.architecture)
    return timm.create_model(architecture, pretrained=False, **arguments)


def _build_transformers(entry: PublishedEncoder, path: Path) -> tuple[torch.nn.Module, Path]:
    if not path.is_dir():
        raise InputError(
            f"{entry.name} is loaded from a folder",
            expected="config.json and model.safetensors",
            got=path.name,
        )
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            "transformers", extra="encoders", needed_for=f"the encoder {entry.name}"
        ) from error
    network, told = getattr(transformers, entry.architecture).from_pretrained(
        path, local_files_only=True, output_loading_info=True, **entry.arguments
    )
    if told["missing_keys"] or told["mismatched_keys"]:
        absent = sorted(told["missing_keys"]) + sorted(str(k) for k in told["mismatched_keys"])
        raise InputError(
            f"{path} does not fit {entry.name}",
            expected=f"the weights of {entry.architecture}",
            got=f"{len(absent)} missing: {listing(absent, 3)}",
        )
    return network, find_weights(path)


def _torchscript(entry: PublishedEncoder, path: Path) -> NetworkEncoder:
    if not path.is_file():
        raise InputError(f"{path} does not exist", expected="a TorchScript file")
    try:
        network = torch.jit.load(path, map_location="cpu").eval()
    except RuntimeError as error:
        if entry.loader == "timm":
            return _from_files(entry, path, path.name)
        raise InputError(
            f"{path.name} is not TorchScript",
            expected="a file written by torch.jit.save",
            got=str(error).splitlines()[0][:120],
        ) from error
    made = fingerprint(entry.name, "torchscript", path)
    return _encoder(entry, network, made, path.name, whole=True)


def _call_factory(spec: str) -> Any:
    module, _, attribute = spec.rpartition(":")
    try:
        return getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"{spec!r} is neither a file nor a factory",
            expected="a path that exists, or module:function that returns the network",
            got=str(error),
        ) from error


def _state_fingerprint(network: Any) -> str:
    if not hasattr(network, "state_dict"):
        return fingerprint("network", type(network).__qualname__)
    state = network.state_dict()
    return fingerprint(
        *(part for name in sorted(state) for part in (name, state[name].float().cpu().numpy()))
    )


def _encoder(
    entry: PublishedEncoder,
    network: Any,
    made: str,
    source: str,
    *,
    whole: bool = False,
) -> NetworkEncoder:
    """Return the encoder; ``whole`` networks return their vector themselves."""
    whole = whole or entry.loader == "own"
    if isinstance(network, torch.nn.Module):
        network = network.eval()
    return NetworkEncoder(
        network,
        name=entry.name,
        fingerprint=made,
        size_px=entry.resize_px or entry.size_px,
        crop_px=entry.size_px if entry.resize_px else 0,
        patch_um=entry.patch_um,
        mean=entry.mean,
        std=entry.std,
        take=None if whole else TAKE[entry.vector],
        source=source,
    )


def __getattr__(name: str) -> Callable[[str], NetworkEncoder]:
    """Return what makes a published encoder from the text after its colon.

    ``uni:FOLDER`` names weights, ``uni:@COMMIT`` a revision of the hub.
    """
    if name not in zoo():
        raise AttributeError(name)

    def from_spec(argument: str) -> NetworkEncoder:
        if argument.startswith("@"):
            return load_encoder(name, revision=argument[1:])
        return load_encoder(name, weights=argument or None)

    return from_spec
