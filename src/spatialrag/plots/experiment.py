"""Figures of an experiment: bars with their spread, PCC against k, genes against genes."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def plot_bars(per_slide: pd.DataFrame, *, metric: str) -> Figure:
    """Return a figure: the mean of each method as a bar, its slides as points.

    Parameters
    ----------
    per_slide
        Methods by slides.
    metric
        Its name, for the axis.
    """
    figure, ax = plt.subplots(figsize=(7, 0.32 * len(per_slide) + 1), layout="constrained")
    place = np.arange(len(per_slide))[::-1]
    colors = ["#7a3b8f" if "+" in name else "#b9b4c2" for name in per_slide.index]
    ax.barh(place, per_slide.mean(axis=1), color=colors, height=0.7)
    for slide in per_slide:
        # A white edge keeps points apart from bars of any color.
        ax.plot(per_slide[slide], place, "o", markersize=5, markeredgecolor="white", label=slide)
    ax.set_yticks(place, per_slide.index, fontsize=8)
    ax.set_xlabel(metric)
    ax.set_ylim(-0.7, len(per_slide) - 0.3)
    ax.axvline(0, color="0.5", linewidth=0.8)
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def plot_pcc_against_k(curves: Mapping[str, np.ndarray]) -> Figure:
    """Return a figure: the mean of the k best correlations against k, a line per method.

    Parameters
    ----------
    curves
        By method, the correlations of all genes (any order).
    """
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, r in curves.items():
        best = np.sort(np.nan_to_num(r))[::-1]
        k = np.arange(1, len(best) + 1)
        ax.plot(k, np.cumsum(best) / k, label=name, linewidth=1.4)
    ax.set(xscale="log", xlabel="k genes, best first on the test slide", ylabel="PCC-k")
    ax.legend(frameon=False, fontsize=8)
    return figure


def plot_gene_scatter(first: np.ndarray, second: np.ndarray, names: tuple[str, str]) -> Figure:
    """Return a figure: each gene's correlation by one method against that by another."""
    figure, ax = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
    ax.plot(first, second, ".", markersize=3, alpha=0.4, color="#7a3b8f")
    low = float(min(np.nanmin(first), np.nanmin(second)))
    high = float(max(np.nanmax(first), np.nanmax(second)))
    ax.plot([low, high], [low, high], color="0.5", linewidth=0.8)
    above = float(np.mean(second > first))
    ax.set(xlabel=names[0], ylabel=names[1], title=f"above the line: {above:.0%} of genes")
    return figure
