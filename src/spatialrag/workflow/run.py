"""Run a recipe: cohort, banks, units side by side, tables and report."""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from spatialrag.bank.bank import Bank
from spatialrag.bank.build import build_bank
from spatialrag.bank.store import read_bank, write_bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.encoders.encoder import Encoder, make_encoder
from spatialrag.encoders.tiles import Tiles, embed_tiles
from spatialrag.errors import InputError, listing
from spatialrag.expression.proportions import Proportions
from spatialrag.expression.section import Section
from spatialrag.jobs.cells import GivenProportions, SingleCells
from spatialrag.jobs.slides import Slides
from spatialrag.locks import locked
from spatialrag.progress import track
from spatialrag.provenance import fingerprint, origin, plain
from spatialrag.replace import replace_text
from spatialrag.solvers.working_set.kernels import kernels_for
from spatialrag.workflow.cohort import describe_cohort
from spatialrag.workflow.page import write_page
from spatialrag.workflow.recipe import Recipe, SingleCell
from spatialrag.workflow.results import Results, read_results
from spatialrag.workflow.sweep import plot_sweep
from spatialrag.workflow.units import ExperimentInputs, Unit, plan, run_unit


def run_experiment(
    recipe: Recipe,
    out: str | Path,
    *,
    data: str | Path = ".",
    cache_folder: str | Path | None = None,
    jobs: int = 1,
    device: str = "cpu",
) -> Results:
    """Run every fold and method of a recipe that has no result yet, and write what was found.

    Parameters
    ----------
    recipe
        What is compared.
    out
        Folder: ``recipe.json`` (resolved, with versions), ``banks/``, ``networks/`` and ``units/``
        (one result per unit; all three kept between runs), ``scores.csv``, ``scores.json``,
        ``scores.md``, ``report.html``. Several processes may run experiments in one folder: units
        and networks are shared, and tables are those of the experiment that ended last.
    data
        Folder that paths of the recipe are relative to.
    cache_folder
        Cache folder of embeddings; ``out/cache`` by default.
    jobs
        Units run at a time, a process and a core each.
    device
        Where torch encoders and backbones run and Eq. 1 is solved: ``cpu``, or a torch device such
        as ``cuda``. Encoders and backbones without a network stay on the CPU.

    Raises
    ------
    InputError
        Before anything is embedded: missing files, slides without pixel size, encoders that cannot
        be loaded, donors that cannot be left out.
    MissingDependencyError
        RAG-ST is asked for without torch.

    Examples
    --------
    >>> run_experiment(read_recipe("recipes/toy.toml"), "out")  # doctest: +SKIP
    """
    if jobs < 1:
        raise InputError("jobs must be at least 1", got=str(jobs))
    kernels_for(device)  # an absent device is an error before any work
    out, data = Path(out), Path(data)
    sections = read_sections(recipe, data)
    check_folds(recipe, sections)
    cells = None if recipe.ragst is None else _read_cells(recipe.ragst, data)
    slides = [section.slide for section in sections]
    proportions = _read_proportions(recipe, data, slides)
    banks = _banks(recipe, sections, data, out, cache_folder or out / "cache", device)
    material = {
        encoder: ExperimentInputs(recipe, bank, tiles, cells, proportions, device)
        for encoder, (bank, tiles) in banks.items()
    }
    record = {"recipe": plain(recipe), "origin": origin()}
    record["banks"] = {encoder: each.bank.fingerprint for encoder, each in material.items()}
    _write_recipe(record, out)
    paths = _run(plan(recipe, slides), material, out, jobs)
    bank = next(iter(material.values())).bank
    results = read_results(recipe, paths, describe_cohort(bank, recipe.evaluation))
    first = next(iter(recipe.cohort.test or slides))
    sweeps = {
        (encoder, leave): plot_sweep(material[encoder], leave=leave, slide=first)
        for encoder, leave in results.folds
    }
    with locked(out / "scores.json", wait=None):  # tables of one experiment, not of two
        _write_recipe(record, out)
        results.write(out)
        write_page(results, out / "report.html", record, sweeps)
    return results


def _write_recipe(record: dict[str, Any], out: Path) -> None:
    replace_text(out / "recipe.json", json.dumps(record, indent=1) + "\n")


def read_sections(recipe: Recipe, data: Path) -> list[Section]:
    """Return the recipe's slides."""
    cohort = recipe.cohort
    her2st, hest, table = (
        data / each if each else None for each in (cohort.her2st, cohort.hest, cohort.table)
    )
    return Slides(table, her2st, hest, cohort.slides).read()


def check_folds(recipe: Recipe, sections: list[Section]) -> None:
    """Raise when a fold would have no reference, before anything is embedded."""
    donors = {section.slide: section.donor for section in sections}
    if unknown := set(recipe.cohort.test) - set(donors):
        raise InputError(f"test slides that are not in the cohort: {listing(sorted(unknown))}")
    if len(sections) < 2:
        raise InputError("an experiment needs at least two slides", got=listing(donors))
    if "donor" in recipe.evaluation.leave and len(set(donors.values())) < 2:
        raise InputError(
            "leave = donor needs at least two donors",
            got=f"{len(sections)} slides of {listing(set(donors.values()))}",
            fix='use leave = ["slide"], and say in the report that its donor was seen',
        )


def _resolve(encoder: str, data: Path) -> str:
    """Return an encoder's name with its file found in the data folder."""
    name, _, argument = encoder.rpartition(":")
    return f"{name}:{data / argument}" if name and (data / argument).exists() else encoder


def _banks(
    recipe: Recipe,
    sections: list[Section],
    data: Path,
    out: Path,
    cache_folder: str | Path,
    device: str,
) -> dict[str, tuple[Bank, Tiles | None]]:
    """Return a bank, and tiles where asked for, of each encoder; no encoder outlives this."""
    names = recipe.embedding.encoders
    # All before the first patch: an encoder that cannot be loaded is not told hours later.
    encoders = {
        name: make_encoder(_resolve(name, data), device=device, required=False) for name in names
    }
    banks = {}
    for name, encoder in encoders.items():
        bank, tiles = _embed(recipe, sections, encoder, cache_folder)
        path = out / "banks" / f"{fingerprint(name)[:12]}.zarr"
        banks[name] = (_store(bank, path), tiles)
    return banks


def _embed(
    recipe: Recipe, sections: list[Section], encoder: Encoder, cache_folder: str | Path
) -> tuple[Bank, Tiles | None]:
    settings = recipe.embedding
    bank = build_bank(
        sections,
        encoder=encoder,
        patch_um=settings.patch_um,
        context=settings.context,
        thumbnail_px=0,
        cache=cache_folder,
    )
    if not settings.tiles:
        return bank, None
    return bank, embed_tiles(
        sections,
        encoder=encoder,
        grid=settings.tiles,
        patch_um=settings.patch_um,
        cache=cache_folder,
    )


def _store(bank: Bank, path: Path) -> Bank:
    """Return the bank as it is kept beside the results, so that they can be looked into later."""
    if not path.exists() or read_bank(path).fingerprint != bank.fingerprint:
        write_bank(bank, path, overwrite=True)
    stored = read_bank(path)
    # An experiment on other slides may have written its own there meanwhile.
    return stored if stored.fingerprint == bank.fingerprint else bank


def _read_cells(given: SingleCell, data: Path) -> CellBank:
    import_module("spatialrag.prediction.ragst.ragst")  # told now when torch is missing
    named = data / given.type_map
    kinds = str(named) if given.type_map and named.is_file() else given.type_map or None
    return SingleCells(data / given.cells, given.type_column, kinds).read()


def _read_proportions(recipe: Recipe, data: Path, slides: list[str]) -> Proportions | None:
    if recipe.ragst is None:
        return None
    table, her2st = recipe.ragst.proportions, recipe.cohort.her2st
    given = GivenProportions(data / table if table else None, data / her2st if her2st else None)
    return given.read(slides)


def _run(
    units: list[Unit], material: dict[str, ExperimentInputs], out: Path, jobs: int
) -> list[Path]:
    if jobs == 1:
        return [
            run_unit(unit, material[unit.encoder], out)
            for unit in track(units, label="units", total=len(units))
        ]
    # A fresh process per worker: forked ones would share locks of running threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_prepare, initargs=(material,)
    ) as pool:
        futures = [pool.submit(_work, unit, out) for unit in units]
        try:
            return [
                future.result()
                for future in track(as_completed(futures), label="units", total=len(futures))
            ]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_worker: dict[str, Any] = {}


def _prepare(material: dict[str, ExperimentInputs]) -> None:
    """Give a worker its material once, one core, and no bars: the parent tells what is done."""
    os.environ["TTY_COMPATIBLE"] = "0"
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)
    _worker.update(material=material, limits=threadpool_limits(1))


def _work(unit: Unit, out: Path) -> Path:
    return run_unit(unit, _worker["material"][unit.encoder], out)
