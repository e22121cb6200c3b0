"""Find the spatial domains of a file's spots: read, choose a method, run, annotate, write."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import anndata as ad
import numpy as np
import pandas as pd

from spatialrag.anndata_file import read_anndata, write_h5ad
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.domains.domains import Domains
from spatialrag.domains.markers import domain_markers, read_gene_sets, set_enrichment
from spatialrag.domains.prepare import prepare
from spatialrag.domains.sections import following_sections
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError
from spatialrag.escaping import csv_text
from spatialrag.expression.normalize import Scale
from spatialrag.jobs.domain_methods import (
    DEFAULT,
    SemSTOptions,
    choose_method,
    find_domains,
    make_method,
)
from spatialrag.jobs.outputs import check_outputs
from spatialrag.metrics.domains import domain_scores, labelled
from spatialrag.replace import replace_file, replace_text


@dataclass(frozen=True)
class Expression:
    """What is read of the file, as in `spatialrag.pp.prepare_domains`.

    Parameters
    ----------
    layer, scale, library, n_genes, min_spots
        As there.
    section
        Column of ``obs`` that names sections.
    """

    layer: str | None = None
    scale: Scale | None = None
    library: str | None = None
    section: str | None = None
    n_genes: int = 3000
    min_spots: int = 10


@dataclass(frozen=True)
class DomainsRequest:
    """Domains of one file.

    Parameters
    ----------
    data
        h5ad with places of spots.
    out
        The h5ad to write.
    n_domains
        K; the method chooses when absent.
    method
        A name of `spatialrag.methods`; the default, or ``semst`` where its options are given, when
        absent.
    expression, semst
        Options by part.
    truth, unlabelled
        Column of ``obs`` with annotations, for scores alone; further words that mean none.
    markers, gene_sets, figure, json
        Further files: marker genes to write (.csv), GMT file to read, map and facts to write.
    seed
        Seed of the method.
    device
        Device of networks.
    overwrite
        Replace files that exist.
    """

    data: Path
    out: Path
    n_domains: int | None = None
    method: str | None = None
    expression: Expression = field(default_factory=Expression)
    semst: SemSTOptions = field(default_factory=SemSTOptions)
    truth: str | None = None
    unlabelled: tuple[str, ...] = ()
    markers: Path | None = None
    gene_sets: Path | None = None
    figure: Path | None = None
    json: Path | None = None
    seed: int = 0
    device: str = "cpu"
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class DomainsResult:
    """What was found; files are written.

    Parameters
    ----------
    method
        That found them.
    domains
        Domains of the spots that were kept.
    scores
        By method, controls among them; None without annotations.
    notes
        What reading, preparing and searching left out, changed or guessed.
    """

    method: str
    domains: Domains
    scores: dict[str, dict[str, float]] | None
    notes: tuple[str, ...]


def run_domains(request: DomainsRequest) -> DomainsResult:
    """Find domains, and write what was asked for.

    Parameters
    ----------
    request
        What to do. Everything in it is checked before the work.

    Raises
    ------
    InputError
        A file that cannot be read or written, a column that is not there, or what `prepare` and
        the method refuse.
    """
    name, notes = choose_method(request.method, request.semst)
    sets = _check_files(request)
    method = make_method(name, request.semst, seed=request.seed, device=request.device)
    adata = read_anndata(request.data)
    if request.truth is not None and request.truth not in adata.obs:
        raise InputError(f"obs has no {request.truth!r}", expected=", ".join(adata.obs))
    given = request.expression
    with _collected(notes):
        prepared = prepare(
            adata,
            layer=given.layer,
            section_key=given.section,
            scale=given.scale,
            library=given.library,
            n_genes=given.n_genes,
            min_spots=given.min_spots,
            subject=request.data.name,
        )
        tissue = Tissue.from_anndata(prepared, section_key=given.section)
        found = find_domains(
            name,
            method,
            tissue,
            request.semst,
            n_domains=request.n_domains,
            seed=request.seed,
        )
    notes += [] if tissue.sections is None else _followed(name, found, tissue.sections)
    truth = None if request.truth is None else prepared.obs[request.truth]
    scores = None
    if truth is not None:
        scores = _scores(name, tissue, truth, found, request)
        out = int((~labelled(truth.to_numpy(object), request.unlabelled)).sum())
        notes += [f"{out} of {len(truth)} spots without annotation not scored"] * bool(out)
    result = DomainsResult(name, found, scores, tuple(dict.fromkeys(notes)))
    _write(request, result, prepared, tissue, sets)
    return result


def _check_files(request: DomainsRequest) -> dict[str, frozenset[str]] | None:
    """Check that inputs are there and outputs can be written; return gene sets."""
    if request.gene_sets is not None and request.markers is None:
        raise InputError("--gene-sets needs --markers", fix="say where markers go")
    outputs = [request.out, request.markers, request.figure, request.json]
    if request.gene_sets is not None and request.markers is not None:
        outputs.append(sets_beside(request.markers))
    inputs = [request.data, request.semst.summaries, request.gene_sets]
    check_outputs(*outputs, overwrite=request.overwrite, inputs=inputs)
    if not request.data.exists():
        raise InputError(f"{request.data} does not exist")
    return None if request.gene_sets is None else read_gene_sets(request.gene_sets)


def _followed(name: str, found: Domains, sections: np.ndarray) -> list[str]:
    said = following_sections(found.labels, sections)
    advice = "; --method consensus brings sections to one level first"
    return [said + advice * (name != DEFAULT)] if said else []


def _scores(
    name: str, tissue: Tissue, truth: pd.Series, found: Domains, request: DomainsRequest
) -> dict[str, dict[str, float]]:
    """Return scores beside the controls', at the same number of domains."""
    n, seed = len(found.sizes), request.seed
    labels = {
        name: found.labels,
        "smoothed_pca": SmoothedPCA(seed=seed).fit_predict(tissue, n_domains=n).labels,
        "pca": SmoothedPCA(k=0, seed=seed).fit_predict(tissue, n_domains=n).labels,
    }
    annotated = truth.to_numpy(object)
    return {
        each: domain_scores(annotated, of, unlabelled=request.unlabelled)
        for each, of in labels.items()
    }


def _write(
    request: DomainsRequest,
    result: DomainsResult,
    prepared: ad.AnnData,
    tissue: Tissue,
    sets: dict[str, frozenset[str]] | None,
) -> None:
    found = result.domains
    to_anndata(found, prepared, key=result.method)
    prepared.uns[result.method]["notes"] = json.dumps(result.notes)
    with replace_file(request.out) as aside:
        write_h5ad(prepared, aside)
    if request.markers is not None:
        _write_markers(request.markers, tissue, found, sets)
    if request.figure is not None:
        truth = None if request.truth is None else prepared.obs[request.truth]
        _draw(request.figure, result, tissue, truth)
    if request.json is not None:
        facts: dict[str, object] = {
            "method": result.method,
            "sizes": found.sizes,
            "scores": result.scores,
        }
        facts |= {"notes": result.notes, "record": found.record}
        replace_text(request.json, json.dumps(facts, indent=1, default=str) + "\n")


def sets_beside(markers: Path) -> Path:
    """Return where enriched gene sets are written: beside the markers."""
    return markers.with_name(f"{markers.stem}_sets.csv")


def _write_markers(
    path: Path, tissue: Tissue, found: Domains, sets: dict[str, frozenset[str]] | None
) -> None:
    table = domain_markers(tissue, found.labels)
    replace_text(path, csv_text(table, index=False))
    if sets is not None:
        enriched = set_enrichment(table, sets, tissue.genes)
        replace_text(sets_beside(path), csv_text(enriched, index=False))


def _draw(path: Path, result: DomainsResult, tissue: Tissue, truth: pd.Series | None) -> None:
    from matplotlib.figure import Figure

    from spatialrag.plots.domains import plot_beside_annotation, plot_domains

    labels = result.domains.labels
    if truth is None:
        ax = plot_domains(labels, tissue.xy, title=result.method)
    else:
        annotated = truth.astype(object).where(truth.notna(), None).to_numpy(object)
        ax = plot_beside_annotation(np.asarray(annotated), {result.method: labels}, tissue.xy)[0]
    figure = cast(Figure, ax.figure)  # no part of another figure: made by the call above
    with replace_file(path) as aside:
        figure.savefig(aside, dpi=150, bbox_inches="tight")


@contextmanager
def _collected(notes: list[str]) -> Iterator[None]:
    """Add what is warned of to notes; other libraries' own kinds of warnings pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for each in caught:
        if each.category is UserWarning:
            notes.append(str(each.message))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
