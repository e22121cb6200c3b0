"""``spatialrag bank``: build, info, add, remove, tune, verify."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.bank.build import THUMBNAIL_PX
from spatialrag.bank.store import verify_bank
from spatialrag.cli.arguments import (
    BankEncoder,
    BankPath,
    Cache,
    Context,
    Her2st,
    Hest,
    Json,
    Overwrite,
    PatchUm,
    Sections,
    Table,
    slides_of,
)
from spatialrag.cli.devices import Device, EncoderDevice
from spatialrag.cli.printing import console, print_facts, print_frame, print_notes
from spatialrag.encoders.embedding import CONTEXT
from spatialrag.jobs import banks as jobs
from spatialrag.jobs.devices import Devices

app = typer.Typer(help="Build, look at, change and check banks.", no_args_is_help=True)

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
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Build a bank of all spots of a cohort (expression alone without --encoder)."""
    request = jobs.BuildRequest(
        slides=slides_of(slides, her2st, hest, sections),
        path=path,
        encoder=encoder,
        patch_um=patch_um,
        context=context,
        thumbnail_px=thumbnail_px,
        cache=cache,
        devices=Devices(device, encoder=encoder_device),
        json=json,
        overwrite=overwrite,
    )
    _show(jobs.build(request), path)


@app.command()
def info(path: BankPath, json: Json = None, overwrite: Overwrite = False) -> None:
    """Tell what a bank holds."""
    _show(jobs.inspect(path, json=json, overwrite=overwrite), path)


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
    overwrite: Overwrite = False,
) -> None:
    """Add slides; everything already in the bank stays bit-identical."""
    request = jobs.AddRequest(
        path=path,
        slides=slides_of(slides, her2st, hest, sections),
        encoder=encoder,
        cache=cache,
        devices=Devices(device, encoder=encoder_device),
        json=json,
        overwrite=overwrite,
    )
    _show(jobs.add(request), path)


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
    overwrite: Overwrite = False,
) -> None:
    """Remove slides or donors; everything else stays bit-identical."""
    _show(
        jobs.remove(
            path,
            slides=tuple(slide or ()),
            donors=tuple(donor or ()),
            json=json,
            overwrite=overwrite,
        ),
        path,
    )


@app.command()
def tune(
    path: BankPath,
    budget: Annotated[
        float, typer.Option("--budget", help="Minutes after which nothing new is tried.")
    ] = 30.0,
    device: Device = "cpu",
    cache: Cache = None,
    json: Json = None,
    overwrite: Overwrite = False,
) -> None:
    """Choose settings inside the bank by leaving its slides out, and store them for predict."""
    found, result = jobs.tune(
        jobs.TuneRequest(
            path=path,
            minutes=budget,
            cache=cache,
            devices=Devices(device),
            json=json,
            overwrite=overwrite,
        )
    )
    tried = found.tried.set_index(found.tried.index + 1)
    print_frame(tried, title=f"mean r of left-out {found.left_out}s, 1 is the default", index="try")
    known = found.reliability.dropna()
    console().print(
        f"chosen: {', '.join(f'{name} {value}' for name, value in found.choice.items())}\n"
        f"reliability per gene stored: r {known.quantile(0.1):.2f} to {known.quantile(0.9):.2f} "
        f"(10th to 90th percentile of {len(known)} genes)"
    )
    print_notes(result.notes)


@app.command()
def verify(path: BankPath) -> None:
    """Hash the whole content against what was recorded when it was written."""
    bank = verify_bank(path)
    console().print(f"{path}: {bank.n_references} references verified, {bank.fingerprint[:16]}")


def _show(result: jobs.BankResult, path: Path) -> None:
    facts = dict(result.facts)
    print_notes(result.notes)
    frame = pd.DataFrame(facts.pop("slides")).set_index("slide")
    print_frame(frame, title=str(path), index="slide")
    print_facts(facts)
