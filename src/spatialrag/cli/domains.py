"""``spatialrag domains``."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from spatialrag.cli.arguments import Json, Layer, Library, Overwrite
from spatialrag.cli.devices import Device
from spatialrag.cli.printing import console, print_frame, print_legend, print_notes
from spatialrag.domains.clustering import Algorithm
from spatialrag.expression.normalize import Scale
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.domain_methods import SemSTOptions, SemSTPreset
from spatialrag.jobs.domains import DomainsRequest, DomainsResult, Expression, run_domains
from spatialrag.semantics.specification import Mode

_SEMST = "SemST"  # heading of its own options in the help


def domains(
    data: Annotated[Path, typer.Argument(help="Spots: h5ad with places in obsm['spatial'].")],
    out: Annotated[Path, typer.Option("--out", help="The h5ad to write.")],
    n_domains: Annotated[
        int | None,
        typer.Option("--n-domains", help="How many; chosen by stability when absent."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            help="A name of `spatialrag methods list`. When absent, semst where its options are "
            "given, else the default.",
        ),
    ] = None,
    layer: Layer = None,
    scale: Annotated[
        Scale | None,
        typer.Option("--scale", help="Of the expression, where it is not counts: log1p_cp10k."),
    ] = None,
    section: Annotated[
        str | None, typer.Option("--section", help="Column of obs that names sections.")
    ] = None,
    library: Library = None,
    n_genes: Annotated[int, typer.Option("--n-genes", help="g, variable genes kept.")] = 3000,
    min_spots: Annotated[
        int, typer.Option("--min-spots", help="Fewest spots a gene is found in.")
    ] = 10,
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="Column of obs with annotations, for scores alone."),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            "--unlabelled",
            help="Annotation that means none, beside NA, unknown, undetermined, …; repeatable.",
        ),
    ] = None,
    markers: Annotated[
        Path | None, typer.Option("--markers", help="Write marker genes here, .csv.")
    ] = None,
    gene_sets: Annotated[
        Path | None,
        typer.Option("--gene-sets", help="GMT file: also write enriched sets beside --markers."),
    ] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Draw the map here.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of weights and clustering.")] = 0,
    device: Device = "cpu",
    json: Json = None,
    overwrite: Overwrite = False,
    semantics: Annotated[
        str | None,
        typer.Option(
            "--semantics",
            help="none, genes:FILE (table of descriptions), table:FILE (vectors of genes), "
            "random, or a language model: minilm, endpoint:URL#MODEL, language_model:DIR, "
            "embedding_model:DIR, sentence_transformers:DIR.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            "--mode",
            help="What language models read: texts of genes (the default), or a prompt per spot.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    summaries: Annotated[
        Path | None,
        typer.Option(
            "--summaries",
            help="Table of gene descriptions for per_gene texts.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    top_genes: Annotated[
        int | None,
        typer.Option(
            "--top-genes", help="k_g, genes per spot; 30 when absent.", rich_help_panel=_SEMST
        ),
    ] = None,
    shuffle: Annotated[
        bool | None,
        typer.Option(
            "--shuffle", help="Permute genes' vectors: the control.", rich_help_panel=_SEMST
        ),
    ] = None,
    preset: Annotated[
        SemSTPreset | None,
        typer.Option(
            "--preset",
            help="As printed in the paper, or as its code runs.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    clustering: Annotated[
        Algorithm | None,
        typer.Option(
            "--clustering",
            help="Of the latent; the preset's when absent.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    refine: Annotated[
        bool | None,
        typer.Option(
            "--refine", help="Give each spot its neighbors' majority.", rich_help_panel=_SEMST
        ),
    ] = None,
    approximate: Annotated[
        bool | None,
        typer.Option(
            "--approximate",
            help="Search expression neighbors approximately (above some 50,000 spots); their "
            "recall is in the record.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            help="Of training; the preset's when absent.",
            rich_help_panel=_SEMST,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="File to resume training from.", rich_help_panel=_SEMST),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", help="Folder that keeps vectors of texts.", rich_help_panel=_SEMST),
    ] = None,
) -> None:
    """Find spatial domains of spots; annotations are for scoring alone."""
    Devices(device)
    request = DomainsRequest(
        data=data,
        out=out,
        n_domains=n_domains,
        method=method,
        expression=Expression(layer, scale, library, section, n_genes, min_spots),
        semst=SemSTOptions(
            semantics=semantics,
            mode=mode,
            summaries=summaries,
            top_genes=top_genes,
            shuffle=shuffle,
            cache=cache,
            preset=preset,
            clustering=clustering,
            refine=refine,
            approximate=approximate,
            epochs=epochs,
            checkpoint=checkpoint,
        ),
        truth=truth,
        unlabelled=tuple(unlabelled or ()),
        markers=markers,
        gene_sets=gene_sets,
        figure=figure,
        json=json,
        overwrite=overwrite,
        seed=seed,
        device=device,
    )
    _tell(run_domains(request))


def _tell(result: DomainsResult) -> None:
    print_notes(result.notes)
    sizes = ", ".join(f"{name}: {size}" for name, size in result.domains.sizes.items())
    console().print(
        f"{len(result.domains.sizes)} domains by {result.method} ({sizes})", highlight=False
    )
    if result.scores is not None:
        frame = pd.DataFrame(result.scores).T
        print_frame(frame, title="against annotation", index="method")
        print_legend([frame])
