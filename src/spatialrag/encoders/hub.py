"""Weights of a published encoder from the Hugging Face hub, or its cache."""

from pathlib import Path

from spatialrag.encoders.zoo import PublishedEncoder
from spatialrag.errors import InputError, MissingDependencyError

_FILES = ["*.json", "model.safetensors", "pytorch_model.bin"]


def download(entry: PublishedEncoder, revision: str | None = None) -> tuple[Path, str]:
    """Return the folder with config and weights, and ``repository@commit``.

    Raises
    ------
    InputError
        Gated, unknown, or unreachable; the message gives the steps.
    """
    try:
        import huggingface_hub as hub
        from huggingface_hub import errors
    except ImportError as error:
        raise MissingDependencyError(
            "huggingface-hub", extra="encoders", needed_for="downloading weights"
        ) from error
    page = f"https://huggingface.co/{entry.source}"
    offline = (
        f"download it where there is a network (hf download {entry.source} --local-dir "
        f"{entry.name}), carry the folder here, and pass {entry.name}:FOLDER"
    )
    try:
        folder = Path(hub.snapshot_download(entry.source, revision=revision, allow_patterns=_FILES))
    except errors.GatedRepoError as error:
        raise InputError(
            f"{entry.name} is gated: its publisher grants access ({entry.licence})",
            got=str(error).splitlines()[0],
            fix=f"1. log in at {page} and accept the terms; 2. wait until access is granted; "
            f"3. run `hf auth login` with a token that may read gated repositories. Or {offline}",
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise InputError(
            f"the hub has no {entry.source} at revision {revision or 'main'}",
            got=str(error).splitlines()[0],
            fix=f"look at {page}; a gated model also answers so without a token: `hf auth login`",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise InputError(
            f"the weights of {entry.name} are not here, and the hub cannot be reached",
            got=str(error).splitlines()[0],
            fix=offline,
        ) from error
    # A snapshot's folder is named after its commit.
    return folder, f"{entry.source}@{folder.name}"
