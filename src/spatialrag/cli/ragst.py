"""``spatialrag ragst``: fit, predict, explain."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from spatialrag.bank.store import open_bank
from spatialrag.cells.build import TYPE_COLUMN
from spatialrag.cli.arguments import BankEncoder, Cache, Json, Library, check_outputs, write_json
from spatialrag.cli.cell_arguments import (
    ProportionsFile,
    TypeColumn,
    TypeMapFile,
    read_cells,
    read_given_proportions,
)
from spatialrag.cli.devices import Device, Devices, EncoderDevice
from spatialrag.cli.explain import Csv, Figure, Gene, Spot, Top, tell
from spatialrag.cli.printing import print_facts, print_frame
from spatialrag.cli.queries import (
    Image,
    Mpp,
    MppFrom,
    Out,
    PitchUm,
    Slide,
    embed_queries,
    write_with_pictures,
)
from spatialrag.errors import InputError
from spatialrag.escaping import csv_text
from spatialrag.explanation.explanation import explain as explain_value
from spatialrag.explanation.types import attention_by_type, carriers
from spatialrag.expression.read import read_positions
from spatialrag.plots.types import save_attention
from spatialrag.prediction.store import read_prediction
from spatialrag.replace import replace_text

app = typer.Typer(
    help="RAG-ST: cell types and single-cell references to expression.", no_args_is_help=True
)

BankPath = Annotated[Path, typer.Argument(help="The spatial bank with embeddings.")]
CellsPath = Annotated[
    Path, typer.Argument(help="The single-cell bank, or an h5ad with counts and types.")
]


@app.command()
def fit(
    bank: BankPath,
    cells: CellsPath,
    out: Annotated[Path, typer.Argument(help="The model to write, .safetensors.")],
    proportions: ProportionsFile = None,
    her2st: Annotated[
        Path | None, typer.Option("--her2st", help="A HER2ST clone to take proportions from.")
    ] = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    references: Annotated[
        str, typer.Option("--references", help="What is cited: cells, spots or both.")
    ] = "cells",
    n_retrieved: Annotated[int, typer.Option("--retrieved", help="References per spot.")] = 64,
    residual_share: Annotated[
        float,
        typer.Option("--residual-share", help="Largest share of the variance without citations."),
    ] = 0.2,
    steps: Annotated[int, typer.Option("--steps", help="Training steps of attention.")] = 250,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    device: Device = "cpu",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="Resume training from, and write it to.")
    ] = None,
    exclude_slide: Annotated[
        list[str] | None, typer.Option("--exclude-slide", help="Do not train on this slide.")
    ] = None,
    exclude_donor: Annotated[
        list[str] | None, typer.Option("--exclude-donor", help="Do not train on this donor.")
    ] = None,
    json: Json = None,
) -> None:
    """Train both stages on a spatial bank and single cells."""
    from spatialrag.prediction.ragst.generator import Generator
    from spatialrag.prediction.ragst.ragst import RAGST
    from spatialrag.prediction.ragst.store import write_ragst

    if out.suffix != ".safetensors":
        raise InputError(f"{out.name} is not a model", expected="a name that ends in .safetensors")
    check_outputs(out, json, inputs=[bank, cells, proportions])
    Devices(device)
    spatial = open_bank(bank).without(slides=exclude_slide or [], donors=exclude_donor or [])
    single_cell = read_cells(cells, type_column, type_map, her2st)
    given = read_given_proportions(proportions, her2st, list(spatial.slides.index))
    generator = Generator(
        n_retrieved=n_retrieved,
        training=replace(Generator().training, epochs=steps),
        seed=seed,
        device=device,
    )
    settings = RAGST(
        single_cell,
        given,
        references=references,
        residual_share=residual_share,
        generator=generator,
    )
    fitted = settings.fit(spatial, checkpoint=checkpoint)
    write_ragst(fitted, out)
    stage = fitted.stage
    facts = {
        "training_spots": len(stage.rows),
        "spots_without_proportions": stage.n_without,
        "proportions": stage.proportions_from,
        "types": stage.head.types.tolist(),
        "types_without_cells": stage.types_without_cells(single_cell),
        "temperature": stage.head.temperature,
        "references": len(fitted.generator.pool.table),
        "genes": len(fitted.generator.pool.genes),
        "platform_prior": stage.platform.prior,
    }
    write_json(json, facts)
    print_facts(facts)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="The model that `ragst fit` wrote.")],
    bank: BankPath,
    cells: CellsPath,
    out: Out,
    slide: Slide,
    spots: Annotated[
        Path, typer.Option("--spots", help="Spot centres, as in `spatialrag predict`.")
    ],
    image: Image = None,
    mpp: Mpp = None,
    pitch_um: PitchUm = None,
    mpp_from: MppFrom = None,
    library: Library = None,
    encoder: BankEncoder = None,
    her2st: Annotated[
        Path | None, typer.Option("--her2st", help="Given to `ragst fit`: give it here too.")
    ] = None,
    type_column: TypeColumn = TYPE_COLUMN,
    type_map: TypeMapFile = None,
    residual: Annotated[
        bool, typer.Option("--residual/--no-residual", help="Add what rests on no citation.")
    ] = True,
    device: Device = "cpu",
    encoder_device: EncoderDevice = None,
    cache: Cache = None,
    json: Json = None,
) -> None:
    """Predict a slide's spots, citing cells; the same banks as in `ragst fit`."""
    from spatialrag.prediction.ragst.store import read_ragst

    check_outputs(out, json, inputs=[model, bank, cells, spots, image])
    devices = Devices(device, encoder=encoder_device)
    spatial = open_bank(bank)
    single_cell = read_cells(cells, type_column, type_map, her2st)
    fitted = read_ragst(model, bank=spatial, cells=single_cell, device=device)
    located = read_positions(
        spots,
        slide=slide,
        image=image,
        mpp=mpp,
        pitch_um=pitch_um,
        library=library,
        mpp_from=mpp_from,
    )
    queries, thumbnails = embed_queries(located, spatial, encoder, cache, devices=devices)
    if not residual:
        fitted = fitted.without_residual()
    prediction = fitted.predict(queries)
    facts = write_with_pictures(prediction, located, thumbnails, out)
    facts |= {
        "uncited_share": prediction.uncited_share,
        "attention": attention_by_type(prediction).mean().round(4).to_dict(),
    }
    write_json(json, facts)
    print_facts(facts)


@app.command()
def explain(
    prediction: Annotated[Path, typer.Argument(help="A prediction by `ragst predict`.")],
    spot: Spot,
    gene: Gene,
    top: Top = 10,
    csv: Csv = None,
    figure: Figure = None,
    attention: Annotated[
        Path | None, typer.Option("--attention", help="Draw attention by cell type here (PNG).")
    ] = None,
    types_csv: Annotated[
        Path | None,
        typer.Option("--carriers", help="Write which types carry every gene here (CSV)."),
    ] = None,
    json: Json = None,
) -> None:
    """Tell which cells a value rests on, which types carry the gene, and where types are cited."""
    check_outputs(csv, figure, attention, types_csv, json, inputs=[prediction])
    read = read_prediction(prediction)
    found = explain_value(read, spot=spot, gene=gene)
    if attention is not None:
        save_attention(read, attention)
    if types_csv is not None:
        replace_text(types_csv, csv_text(carriers(read), index_label="gene"))
    tell(found, top=top, csv=csv, figure=figure, json=json)
    print_frame(carriers(read, [gene]), title="which types carry it, mean over spots", index="gene")
