"""Which method finds domains, with what options, by its name or by the options that were given."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, cast

import anndata as ad

from spatialrag.domains.clustering import Algorithm, Clustering
from spatialrag.domains.domains import DomainMethod, Domains, NetworkMethod, ScaledMethod
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError, check_choice
from spatialrag.methods import methods
from spatialrag.semantics.specification import Mode, semantics_of

SEMST, DEFAULT = "semst", "consensus"
CONTROLS = ("smoothed_pca",)
SemSTPreset = Literal["default", "paper", "released"]


@dataclass(frozen=True)
class SemSTOptions:
    """What only SemST takes; None where nothing was said.

    Parameters
    ----------
    semantics, mode, summaries, top_genes, shuffle, cache
        As `spatialrag.semantics.specification.semantics_of` takes them.
    preset
        ``default``, ``paper`` or ``released``.
    clustering, refine
        See `Clustering`.
    approximate
        Search expression neighbors approximately.
    epochs
        Epochs of training.
    checkpoint
        File to resume training from.
    """

    semantics: str | None = None
    mode: Mode | None = None
    summaries: Path | None = None
    top_genes: int | None = None
    shuffle: bool | None = None
    cache: Path | None = None
    preset: SemSTPreset | None = None
    clustering: Algorithm | None = None
    refine: bool | None = None
    approximate: bool | None = None
    epochs: int | None = None
    checkpoint: Path | None = None

    @property
    def said(self) -> list[str]:
        """Names of the options that were given, as on the command line."""
        return [
            "--" + each.name.replace("_", "-")
            for each in fields(self)
            if getattr(self, each.name) is not None
        ]


def choose_method(name: str | None, options: SemSTOptions) -> tuple[str, list[str]]:
    """Return the method's name, and a note where SemST's options chose it.

    Parameters
    ----------
    name
        As it was given.
    options
        SemST's own.

    Raises
    ------
    InputError
        An unknown name, or options that the method does not take.
    """
    said = options.said
    if name is None:
        note = f"{', '.join(said)} belong to SemST, so the method is semst"
        return (SEMST, [note]) if said else (DEFAULT, [])
    _require_known(name)
    if said and name != SEMST:
        raise InputError(
            f"method {name} does not take {', '.join(said)}",
            expected="these options with --method semst",
            fix="leave them out, or use --method semst",
        )
    return name, []


def make_method(name: str, options: SemSTOptions, *, seed: int, device: str) -> DomainMethod:
    """Return the settings of a method.

    Parameters
    ----------
    name
        From `choose_method`.
    options
        Options of SemST.
    seed, device
        Seed and device of the method; a method without a network runs on the CPU.
    """
    if name != SEMST:
        return domain_method(name, seed=seed, device=device)
    from spatialrag.domains.semst.presets import preset

    method = preset(options.preset or "default")
    chosen = Clustering(options.clustering or method.clustering.by, refine=bool(options.refine))
    method = replace(method, clustering=chosen, seed=seed, device=device)
    graphs = replace(method.graphs, approximate=bool(options.approximate))
    if options.epochs is None:
        return replace(method, graphs=graphs)
    return replace(method, graphs=graphs, training=replace(method.training, epochs=options.epochs))


def find_domains(
    name: str,
    method: DomainMethod,
    tissue: Tissue,
    options: SemSTOptions,
    *,
    n_domains: int | None,
    seed: int,
) -> Domains:
    """Return domains of a tissue; SemST with the semantics its options name.

    Parameters
    ----------
    name, method
        From `choose_method` and `make_method`.
    tissue
    options
        Options of SemST.
    n_domains
        K; the method chooses when None.
    seed
        Seed of shuffled and random semantics.
    """
    if name != SEMST:
        return method.fit_predict(tissue, n_domains=n_domains)
    meaning = semantics_of(
        options.semantics or "none",
        tissue.genes,
        k=options.top_genes or 30,
        mode=options.mode or "per_gene",
        summaries=options.summaries,
        cache=options.cache,
        shuffle=bool(options.shuffle),
        rng=seed,
    )
    if not isinstance(method, ScaledMethod):
        raise TypeError("semst is a method whose likelihood follows the scale")
    return method.for_scale(tissue.scale).fit_predict(
        tissue, n_domains=n_domains, semantics=meaning, checkpoint=options.checkpoint
    )


def domain_method(name: str, *, seed: int = 0, device: str = "cpu") -> DomainMethod:
    """Return a method of domains by its name, with its defaults.

    Parameters
    ----------
    name
        As `spatialrag methods list` tells, or a control.
    seed
        Seed of its starts.
    device
        Device of its network, where it has one.

    Raises
    ------
    InputError
        No such method.
    MissingDependencyError
        It needs a package that is not installed.
    """
    _require_known(name)
    method = methods()[name].load()(seed=seed)
    if isinstance(method, NetworkMethod):
        return cast(DomainMethod, replace(cast(Any, method), device=device))
    return cast(DomainMethod, method)


def annotate_domains(
    adata: ad.AnnData,
    *,
    n_domains: int | None,
    method: str | DomainMethod = DEFAULT,
    layer: str | None = None,
    section_key: str | None = None,
    seed: int = 0,
    key_added: str | None = None,
) -> Domains:
    """Find spatial domains of an AnnData's spots and write them into it.

    Written: ``obs['domain_<key_added>']`` with colors, ``obs['domain_confidence']`` where the
    method has it, ``obsm['X_<key_added>']``, settings and origin in ``uns['<key_added>']``.

    Parameters
    ----------
    adata
        Counts, or a prediction of this package, and places; `spatialrag.pp.prepare_domains` makes
        it from a raw file.
    n_domains
        K; the method chooses when None.
    method
        A name as `DomainsRequest` takes it, or settings.
    layer, section_key
        As in `Tissue.from_anndata`.
    seed
        Seed of a method that is named.
    key_added
        Name of what is written; the method's when absent, ``domains`` for settings.

    Raises
    ------
    InputError
        An unknown method, or what `Tissue` and the method refuse.
    """
    name = method if isinstance(method, str) else "domains"
    chosen = domain_method(method, seed=seed) if isinstance(method, str) else method
    tissue = Tissue.from_anndata(adata, layer=layer, section_key=section_key)
    if isinstance(chosen, ScaledMethod):
        chosen = chosen.for_scale(tissue.scale)
    found = chosen.fit_predict(tissue, n_domains=n_domains)
    to_anndata(found, adata, key=key_added or name)
    return found


def _require_known(name: str) -> None:
    known = [*(each for each, of in methods().items() if of.kind == "domains"), *CONTROLS]
    check_choice(name, known, name="method")
