"""``spatialrag bank``: build, info, add, remove, verify."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import THUMBNAIL_PX, build_bank, check_addition, join_banks
from spatialrag.bank.store import describe, open_bank, update_bank, verify_bank, write_bank
from spatialrag.cli.arguments import (
    BankEncoder,
    Cache,
    Context,
    Her2st,
    Hest,
    Json,
    PatchUm,
    Sections,
    Table,
    check_outputs,
    read_sections,
    write_json,
)
from spatialrag.cli.devices import Device, Devices, EncoderDevice
from spatialrag.cli.printing import console, print_facts, print_frame
from spatialrag.encoders.embed import CONTEXT
from spatialrag.errors import InputError

app = typer.Typer(help="Build, look at, change and check banks.", no_args_is_help=True)

BankPath = Annotated[Path, typer.Argument(help="The bank, e.g. bank.zarr.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing bank.")]
Encoder = Annotated[
    str | None,
    typer.Option("--encoder", help="As `spatialrag embed` takes it; none by default."),
]
Thumbnails = Annotated[
    int, typer.Option("--thumbnail-px", help="Side of patch pictures, pixels; 0 for none.")
]


@app.command()
def build(
    path: BankPath,
    slides: Table = None,
    her2st: Her2st = None,
    hest: Hest = None,
    sections: Sections = None,
    encoder: Encoder = None,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    patch_um: PatchUm = None,
    context: Context = CONTEXT,
    thumbnail_px: Thumbnails = THUMBNAIL_PX,
    cache: Cache = None,
    overwrite: Overwrite = False,
    json: Json = None,
) -> None:
    """Build a bank of all spots of a cohort (expression alone without --encoder)."""
    check_outputs(path, inputs=[slides, her2st, hest], folder=True)
    check_outputs(json)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists", fix="choose another path, or --overwrite")
    devices = Devices(device, encoder=encoder_device)
    made = None if encoder is None else devices.make_encoder(encoder)
    bank = build_bank(
        read_sections(slides, her2st, sections, hest),
        encoder=made,
        patch_um=patch_um,
        context=context,
        thumbnail_px=thumbnail_px,
        cache=cache,
    )
    write_bank(bank, path, overwrite=overwrite)
    _show(bank, path, json)


@app.command()
def info(path: BankPath, json: Json = None) -> None:
    """Tell what a bank holds."""
    _show(open_bank(path), path, json)


@app.command()
def add(
    path: BankPath,
    slides: Table = None,
    her2st: Her2st = None,
    hest: Hest = None,
    sections: Sections = None,
    encoder: BankEncoder = None,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    cache: Cache = None,
    json: Json = None,
) -> None:
    """Add slides; everything already in the bank stays bit-identical."""
    devices = Devices(device, encoder=encoder_device)
    bank = open_bank(path)
    made = None
    if bank.encoder is not None:
        made = devices.check_encoder(encoder, bank)
    elif encoder is not None:
        raise InputError(
            "the bank holds expression alone", fix="leave --encoder out, or rebuild it"
        )
    added = read_sections(slides, her2st, sections, hest)
    check_addition(bank, added)
    addition = build_bank(
        added,
        encoder=made,
        patch_um=(bank.encoder.patch_um or None) if bank.encoder else None,
        context=bank.encoder.context if bank.encoder else CONTEXT,
        thumbnail_px=0 if bank.thumbnails is None else bank.thumbnails.shape[1],
        cache=cache,
    )
    # Embedding takes long, and the bank may have been changed meanwhile: it is read again.
    joined = update_bank(path, lambda current: join_banks([current, addition]))
    _show(joined, path, json)


@app.command()
def remove(
    path: BankPath,
    slide: Annotated[
        list[str] | None, typer.Option("--slide", help="A slide (repeatable).")
    ] = None,
    donor: Annotated[
        list[str] | None, typer.Option("--donor", help="A donor (repeatable).")
    ] = None,
    json: Json = None,
) -> None:
    """Remove slides or donors; everything else stays bit-identical."""
    if not (slide or donor):
        raise InputError("what shall be removed?", expected="--slide NAME or --donor NAME")
    rest = update_bank(path, lambda bank: bank.without(slides=slide or [], donors=donor or []))
    _show(rest, path, json)
    console().print(
        "Vectors of removed slides may remain in embedding caches (--cache), in files that begin "
        "with the slide's name; predictions and models made before keep what they cite."
    )


@app.command()
def verify(path: BankPath) -> None:
    """Hash the whole content against what was recorded when it was written."""
    bank = verify_bank(path)
    console().print(f"{path}: {bank.n_references} references verified, {bank.fingerprint[:16]}")


def _show(bank: Bank, path: Path, json: Path | None) -> None:
    facts = describe(bank)
    write_json(json, facts)
    frame = pd.DataFrame(facts.pop("slides")).set_index("slide")
    print_frame(frame, title=str(path), index="slide")
    print_facts(facts)
