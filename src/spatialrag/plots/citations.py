"""The paper's figure: a query patch beside its strongest references."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialrag.escaping import figure_text
from spatialrag.explanation.explanation import Explanation
from spatialrag.replace import replace_file


def plot_citations(explanation: Explanation, *, n: int = 5) -> Figure:
    """Return a figure: the query patch, then the ``n`` strongest references.

    Each reference shows its patch, slide, weight, contribution to the value, and top genes.
    """
    table = explanation.citations.head(n)
    figure, axes = plt.subplots(
        1,
        len(table) + 1,
        figsize=(2.3 * (len(table) + 1), 3.5),
        layout="constrained",
        squeeze=False,
    )
    query, *others = axes[0]
    _show(query, explanation.query_thumbnail)
    query.set_title(
        figure_text(f"{explanation.slide}\n{explanation.spot}"), fontsize=9, fontweight="bold"
    )
    query.set_xlabel(
        f"{figure_text(explanation.gene)} = {explanation.value:.3f}\n({explanation.scale})",
        fontsize=8,
    )
    for i, (ax, row) in enumerate(zip(others, table.itertuples(), strict=True)):
        _show(ax, None if explanation.thumbnails is None else explanation.thumbnails[i])
        ax.set_title(figure_text(row.reference.replace(":", "\n", 1)), fontsize=9)
        genes = row.top_genes.split(", ")
        lines = [f"weight {row.weight:.3f} ({row.share:.0%})", f"adds {row.contribution:+.3f}"]
        lines += [", ".join(genes[:3]), ", ".join(genes[3:])]
        ax.set_xlabel(figure_text("\n".join(lines)), fontsize=8)
    return figure


def save_citations(explanation: Explanation, path: str | Path) -> None:
    """Draw `plot_citations` into a file."""
    figure = plot_citations(explanation)
    with replace_file(path) as aside:
        figure.savefig(aside, dpi=130)
    plt.close(figure)


def _show(ax: Axes, picture: np.ndarray | None) -> None:
    ax.set(xticks=[], yticks=[])
    if picture is None:
        ax.text(
            0.5, 0.5, "no picture", ha="center", va="center", transform=ax.transAxes, color="0.5"
        )
        ax.set_aspect("equal")
    else:
        ax.imshow(picture)
