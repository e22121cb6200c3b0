"""Pictures of domains: maps, what modulation did, comparisons."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spatialrag.domains.clustering import Clustering
from spatialrag.domains.domains import Domains
from spatialrag.domains.store import palette
from spatialrag.errors import InputError, MissingDependencyError
from spatialrag.metrics.domains import match_domains
from spatialrag.plots.maps import marker_size

_MISSING = "0.85"


def plot_domains(
    labels: np.ndarray,
    xy: np.ndarray,
    *,
    title: str = "",
    colors: dict[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a domain per spot at its place.

    Parameters
    ----------
    labels : (n_spots,)
        Missing ones are grey.
    xy : (n_spots, 2)
        y points down.
    colors
        By label; `palette` in the order of labels otherwise.
    """
    ax = ax or plt.subplots(figsize=(4, 4))[1]
    labels = np.asarray(labels, object)
    missing = pd.isna(labels)
    names = _ordered(labels[~missing])
    colors = colors or dict(zip(names, palette(len(names)), strict=True))
    size = marker_size(xy, ax)
    ax.scatter(xy[missing, 0], xy[missing, 1], s=size, c=_MISSING, linewidths=0)
    for name in names:
        at = labels == name
        color = colors.get(name, _MISSING)
        ax.scatter(xy[at, 0], xy[at, 1], s=size, c=color, linewidths=0, label=name)
    ax.set(title=title, aspect="equal", xticks=[], yticks=[])
    ax.invert_yaxis()
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=7)
    return ax


def plot_beside_annotation(
    truth: np.ndarray, found: dict[str, np.ndarray], xy: np.ndarray
) -> list[Axes]:
    """Draw annotated domains beside found ones, in the colors of those they match best.

    Parameters
    ----------
    truth : (n_spots,)
        Missing ones are grey, and left out of the matching.
    found
        Labels by title.
    xy : (n_spots, 2)
    """
    _, axes = plt.subplots(1, 1 + len(found), figsize=(4.4 * (1 + len(found)), 4), squeeze=False)
    known = ~pd.isna(np.asarray(truth, object))
    names = _ordered(np.asarray(truth, object)[known])
    colors = dict(zip(names, palette(len(names)), strict=True))
    plot_domains(truth, xy, title="annotation", colors=colors, ax=axes[0, 0])
    for ax, (title, labels) in zip(axes[0, 1:], found.items(), strict=True):
        plain = np.asarray(labels).astype(str)
        renamed = dict(
            zip(
                plain[known],
                match_domains(np.asarray(truth)[known].astype(str), plain[known]),
                strict=True,
            )
        )
        shown = np.array([renamed.get(label, f"unmatched:{label}") for label in plain], object)
        rest = sorted({label for label in shown if label not in colors})
        more = dict(zip(rest, palette(20)[::-1], strict=False))
        plot_domains(shown, xy, title=title, colors=colors | more, ax=ax)
    return list(axes[0])


def plot_modulation(domains: Domains, xy: np.ndarray) -> list[Axes]:
    """Draw domains of the latent before fusion beside those after it.

    Parameters
    ----------
    domains
        Domains of SemST with semantics.
    xy : (n_spots, 2)
    """
    before = _array(domains, "before")
    n = len(domains.sizes)
    labels = Clustering().labels(before, n)
    matched = match_domains(domains.labels, labels)
    _, axes = plt.subplots(1, 2, figsize=(9, 4))
    colors = dict(zip(_ordered(domains.labels), palette(n), strict=True))
    rest = sorted(set(matched) - set(colors))
    colors |= dict(zip(rest, palette(20)[::-1], strict=False))
    plot_domains(matched, xy, title="before modulation", colors=colors, ax=axes[0])
    plot_domains(domains.labels, xy, title="after modulation", colors=colors, ax=axes[1])
    return list(axes)


def plot_coefficients(domains: Domains, *, axes: list[Axes] | None = None) -> list[Axes]:
    """Draw how alpha and beta are distributed, one line per domain."""
    axes = axes or list(plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")[1])
    colors = palette(len(domains.sizes))
    for ax, name in zip(axes, ("alpha", "beta"), strict=True):
        values = _array(domains, name)
        low, high = np.percentile(values, [0.5, 99.5])
        bins = np.linspace(low, high, 60).tolist()
        for label, color in zip(domains.sizes, colors, strict=True):
            part = values[domains.labels == label].ravel()
            ax.hist(part, bins=bins, density=True, histtype="step", color=color, label=label)
        ax.set(xlabel=name, ylabel="density")
    axes[1].legend(title="domain", frameon=False, fontsize=7)
    return axes


def plot_semantic_maps(
    vectors: dict[str, np.ndarray], labels: np.ndarray, *, rng: int = 0
) -> list[Axes]:
    """Draw UMAPs of spots' semantic vectors of several providers side by side.

    Parameters
    ----------
    vectors
        (n_spots, dim) by provider.
    labels : (n_spots,)
        What spots are colored by.
    rng
        Seed of UMAP.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingDependencyError(
            "umap-learn", extra="domains", needed_for="maps of semantic vectors"
        ) from error
    _, axes = plt.subplots(1, len(vectors), figsize=(4.4 * len(vectors), 4), squeeze=False)
    for ax, (title, values) in zip(axes[0], vectors.items(), strict=True):
        placed = UMAP(random_state=rng, n_jobs=1).fit_transform(values)
        plot_domains(labels, placed, title=title, ax=ax)
    return list(axes[0])


def plot_sweep(
    scores: pd.DataFrame,
    *,
    x: str,
    y: str = "ari",
    control: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a score against a setting, mean and spread over seeds.

    Parameters
    ----------
    scores
        One row per run with columns ``x`` and ``y``.
    x, y
        Columns.
    control
        Score of a control, as a line.
    """
    ax = ax or plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    grouped = scores.groupby(x)[y]
    ax.errorbar(grouped.mean().index, grouped.mean(), yerr=grouped.std(ddof=0), marker="o")
    if control is not None:
        ax.axhline(control, color="0.4", linestyle="--", label="control")
        ax.legend(frameon=False)
    ax.set(xlabel=x, ylabel=y)
    return ax


def plot_ablation(scores: pd.DataFrame, *, y: str = "ari", ax: Axes | None = None) -> Axes:
    """Draw mean and every seed of each arm as bars and points.

    Parameters
    ----------
    scores
        ``DomainReport.runs``: one row per run with columns ``arm`` and ``y``.
    y
        Column.
    """
    arms = list(dict.fromkeys(scores["arm"]))
    ax = ax or plt.subplots(figsize=(5, 0.32 * len(arms) + 1), layout="constrained")[1]
    for place, arm in enumerate(arms):
        values = scores.loc[scores["arm"] == arm, y]
        ax.barh(place, values.mean(), color="0.8")
        ax.plot(values, [place] * len(values), "k.", markersize=4)
    ax.set_yticks(range(len(arms)), arms)
    ax.invert_yaxis()
    ax.set(xlabel=y)
    return ax


def _array(domains: Domains, name: str) -> np.ndarray:
    if name not in domains.arrays:
        raise InputError(
            f"these domains have no {name}",
            expected="those of SemST with semantics and FSM",
            got=", ".join(domains.arrays) or "none",
        )
    return domains.arrays[name]


def _ordered(labels: np.ndarray) -> list[str]:
    """Return labels in order; numbers as numbers."""
    names = {str(label) for label in labels}
    return sorted(
        names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)
    )
