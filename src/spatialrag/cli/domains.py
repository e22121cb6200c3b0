"""``spatialrag domains``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
import typer

from spatialrag.anndata_file import read_anndata
from spatialrag.cli.arguments import Json
from spatialrag.cli.devices import Device
from spatialrag.cli.printing import console, print_frame, print_legend
from spatialrag.domains.clustering import Clustering
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.markers import domain_markers, read_gene_sets, set_enrichment
from spatialrag.domains.prepare import prepare
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.escaping import csv_text
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.outputs import check_outputs, write_json
from spatialrag.metrics.domains import domain_scores
from spatialrag.replace import replace_file, replace_text
from spatialrag.semantics.specification import semantics_of

if TYPE_CHECKING:
    from spatialrag.domains.domains import Domains
    from spatialrag.domains.semst.semst import SemST


def domains(
    data: Annotated[Path, typer.Argument(help="Spots: h5ad with places in obsm['spatial'].")],
    out: Annotated[Path, typer.Option("--out", help="The h5ad to write.")],
    n_domains: Annotated[
        int | None,
        typer.Option("--n-domains", help="How many; chosen by stability when absent."),
    ] = None,
    semantics: Annotated[
        str,
        typer.Option(
            "--semantics",
            help="none, genes:FILE (table of descriptions), table:FILE (vectors of genes), "
            "random, or a language model: minilm, endpoint:URL#MODEL, language_model:DIR, "
            "embedding_model:DIR, sentence_transformers:DIR.",
        ),
    ] = "none",
    mode: Annotated[
        str,
        typer.Option("--mode", help="Language models: per_gene texts, or per_spot prompts."),
    ] = "per_gene",
    summaries: Annotated[
        Path | None,
        typer.Option("--summaries", help="Table of gene descriptions for per_gene texts."),
    ] = None,
    top_genes: Annotated[int, typer.Option("--top-genes", help="k_g, genes per spot.")] = 30,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Permute genes' vectors: the control.")
    ] = False,
    preset: Annotated[
        str, typer.Option("--preset", help="default, paper (as printed) or released (its code).")
    ] = "default",
    clustering: Annotated[
        str | None,
        typer.Option(
            "--clustering", help="kmeans, gaussian_mixture or leiden; the preset's when absent."
        ),
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Give each spot its neighbors' majority.")
    ] = False,
    approximate: Annotated[
        bool,
        typer.Option(
            "--approximate",
            help="Search expression neighbors approximately (above some 50,000 spots); their "
            "recall is in the record.",
        ),
    ] = False,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Layer with counts; X when absent.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option("--scale", help="Of the expression, where it is not counts: log1p_cp10k."),
    ] = None,
    section: Annotated[
        str | None, typer.Option("--section", help="Column of obs that names sections.")
    ] = None,
    n_genes: Annotated[int, typer.Option("--n-genes", help="g, variable genes kept.")] = 3000,
    min_spots: Annotated[
        int, typer.Option("--min-spots", help="Fewest spots a gene is found in.")
    ] = 10,
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="Column of obs with annotations, for scores alone."),
    ] = None,
    markers: Annotated[
        Path | None, typer.Option("--markers", help="Write marker genes here, .csv.")
    ] = None,
    gene_sets: Annotated[
        Path | None,
        typer.Option("--gene-sets", help="GMT file: also write enriched sets beside --markers."),
    ] = None,
    figure: Annotated[Path | None, typer.Option("--figure", help="Draw the map here.")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Of training; the preset's when absent.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of weights and clustering.")] = 0,
    device: Device = "cpu",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="File to resume training from.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder that keeps vectors of texts.")
    ] = None,
    json: Json = None,
) -> None:
    """Find spatial domains of spots (SemST); annotations are for scoring alone."""
    sets_out = None if markers is None or gene_sets is None else _sets_beside(markers)
    check_outputs(out, markers, sets_out, figure, json, inputs=[data, summaries, gene_sets])
    method = _method(preset, clustering, refine, epochs, seed, device)
    method = replace(method, graphs=replace(method.graphs, approximate=approximate))
    if gene_sets is not None and markers is None:
        raise InputError("--gene-sets needs --markers", fix="say where markers go")
    if not data.is_file():
        raise InputError(f"{data} does not exist")
    sets = None if gene_sets is None else read_gene_sets(gene_sets)
    adata = read_anndata(data)
    for name in (truth, section):
        if name is not None and name not in adata.obs:
            raise InputError(f"obs has no {name!r}", expected=", ".join(adata.obs))
    prepared = prepare(
        adata, layer=layer, section_key=section, scale=scale, n_genes=n_genes, min_spots=min_spots
    )
    tissue = Tissue.from_anndata(prepared, section_key=section)
    meaning = semantics_of(
        semantics,
        tissue.genes,
        k=top_genes,
        mode=mode,
        summaries=summaries,
        cache=cache,
        shuffle=shuffle,
        rng=seed,
    )
    found = method.for_scale(tissue.scale).fit_predict(
        tissue, n_domains=n_domains, semantics=meaning, checkpoint=checkpoint
    )
    to_anndata(found, prepared, key="semst")
    with replace_file(out) as aside:
        prepared.write_h5ad(aside)
    scores = None if truth is None else _scores(tissue, prepared.obs[truth], found, seed)
    if markers is not None:
        _write_markers(markers, tissue, found, sets)
    if figure is not None:
        _draw(figure, found, tissue, None if truth is None else prepared.obs[truth])
    write_json(json, {"sizes": found.sizes, "scores": scores, "record": found.record})
    _tell(found, scores)


def _method(
    preset: str, clustering: str | None, refine: bool, epochs: int | None, seed: int, device: str
) -> "SemST":
    from spatialrag.domains.semst.presets import preset as settings_of

    Devices(device)
    method = settings_of(preset)
    chosen = Clustering(clustering or method.clustering.by, refine=refine)
    method = replace(method, clustering=chosen, seed=seed, device=device)
    if epochs is not None:
        method = replace(method, training=replace(method.training, epochs=epochs))
    return method


def _scores(
    tissue: Tissue, truth: pd.Series, found: "Domains", seed: int
) -> dict[str, dict[str, float]]:
    """Return scores beside the controls', at the same number of domains."""
    n = len(found.sizes)
    labels = {
        "semst": found.labels,
        "smoothed_pca": SmoothedPCA(seed=seed).fit_predict(tissue, n_domains=n).labels,
        "pca": SmoothedPCA(k=0, seed=seed).fit_predict(tissue, n_domains=n).labels,
    }
    annotated = truth.to_numpy(object)
    return {name: domain_scores(annotated, each) for name, each in labels.items()}


def _tell(found: "Domains", scores: dict[str, dict[str, float]] | None) -> None:
    sizes = ", ".join(f"{name}: {size}" for name, size in found.sizes.items())
    console().print(f"{len(found.sizes)} domains ({sizes})", highlight=False)
    if scores is not None:
        frame = pd.DataFrame(scores).T
        print_frame(frame, title="against annotation", index="method")
        print_legend([frame])


def _sets_beside(markers: Path) -> Path:
    return markers.with_name(f"{markers.stem}_sets.csv")


def _write_markers(
    path: Path, tissue: Tissue, found: "Domains", sets: dict[str, frozenset[str]] | None
) -> None:
    table = domain_markers(tissue, found.labels)
    replace_text(path, csv_text(table, index=False))
    if sets is not None:
        enriched = set_enrichment(table, sets, tissue.genes)
        replace_text(_sets_beside(path), csv_text(enriched, index=False))


def _draw(path: Path, found: "Domains", tissue: Tissue, truth: pd.Series | None) -> None:
    from spatialrag.plots.domains import plot_beside_annotation, plot_domains

    if truth is None:
        ax = plot_domains(found.labels, tissue.xy, title="SemST")
    else:
        annotated = truth.astype(object).where(truth.notna(), None).to_numpy(object)
        ax = plot_beside_annotation(np.asarray(annotated), {"SemST": found.labels}, tissue.xy)[0]
    with replace_file(path) as aside:
        ax.figure.savefig(aside, dpi=150, bbox_inches="tight")
