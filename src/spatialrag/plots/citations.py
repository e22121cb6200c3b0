"""Evidence as a picture: a query patch beside what its value rests on."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from spatialrag.escaping import figure_text
from spatialrag.explanation.explanation import Explanation
from spatialrag.explanation.groups import REST, UNCITED
from spatialrag.replace import replace_file

_PER_ROW = 5
_LONGEST = 26  # characters of a caption's line: neighbors stay apart
_FRAME = "tab:orange"


def plot_citations(explanation: Explanation, *, n: int | None = None) -> Figure:
    """Return a figure: the query patch, then one patch per group of citations.

    Parameters
    ----------
    explanation
        Explanation of one value.
    n
        The so many strongest single references follow in rows of their own. By default none, or
        five where the prediction has no groups.

    Notes
    -----
    The typical patch of a group is its member of largest weight. A scale bar of half a patch is
    drawn where its side is known.
    """
    rows = _rows(explanation, n)
    columns, lines = 1 + max(map(len, rows), default=0), max(len(rows), 1)
    figure = plt.figure(figsize=(2.3 * columns, 4.2 * lines), layout="constrained")
    draw_citations(figure, explanation, n=n)
    return figure


def draw_citations(
    figure: Figure | SubFigure, explanation: Explanation, *, n: int | None = None
) -> None:
    """Draw what `plot_citations` draws into a figure, or a part of one.

    Parameters
    ----------
    figure
        Empty.
    explanation, n
        As in `plot_citations`.
    """
    rows = _rows(explanation, n)
    columns, lines = 1 + max(map(len, rows), default=0), max(len(rows), 1)
    axes = figure.subplots(lines, columns, squeeze=False)
    figure.suptitle(figure_text(explanation.headline), fontsize=10)
    for ax in axes.ravel():
        ax.set_axis_off()
    _draw_query(axes[0, 0], explanation)
    for line, row in zip(axes, rows, strict=False):
        for ax, (place, title, caption) in zip(line[1:], row, strict=False):
            pictures = explanation.thumbnails
            _draw(ax, None if pictures is None else pictures[place], title, caption)


def _rows(explanation: Explanation, n: int | None) -> list[list[tuple[int, str, list[str]]]]:
    """Return what each row of the figure shows: groups first, then single references."""
    groups = explanation.groups.drop(index=[REST, UNCITED], errors="ignore")
    n = (0 if len(groups) else _PER_ROW) if n is None else n
    rows = [_of_groups(explanation)] if len(groups) else []
    single = _of_references(explanation, n)
    return rows + [single[start : start + _PER_ROW] for start in range(0, len(single), _PER_ROW)]


def save_citations(explanation: Explanation, path: str | Path, *, n: int | None = None) -> None:
    """Draw `plot_citations` into a file."""
    figure = plot_citations(explanation, n=n)
    with replace_file(path) as aside:
        figure.savefig(aside, dpi=130)
    plt.close(figure)


def shortened(name: str, longest: int = _LONGEST) -> str:
    """Return a name of at most ``longest`` characters: its middle is left out.

    Examples
    --------
    >>> shortened("ENSMUSG00000012345", 10)
    'ENSMU…2345'
    """
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[len(name) - end :]}"


def _of_groups(explanation: Explanation) -> list[tuple[int, str, list[str]]]:
    """Return position of the typical reference, title and caption of each group."""
    drawn = []
    for name, row in explanation.groups.drop(index=[REST, UNCITED], errors="ignore").iterrows():
        position = int((explanation.citations["reference"] == row["typical"]).idxmax())
        references = "1 reference" if row["references"] == 1 else f"{row['references']} references"
        caption = [
            references,
            f"{row['share']:.0%} of weight",
            f"adds {row['contribution']:+.3g}",
            f"measured {row['mean']:.3g} ± {row['spread']:.2g}",
            row["slides"],
            f"shown: {row['typical']}",
        ]
        title = f"group {name}" if str(name).isdigit() else str(name)
        drawn.append((position, title, caption))
    return drawn


def _of_references(explanation: Explanation, n: int) -> list[tuple[int, str, list[str]]]:
    drawn = []
    for position, row in enumerate(explanation.citations.head(n).itertuples()):
        caption = [f"{row.share:.1%} of weight", f"adds {row.contribution:+.3g}"]
        drawn.append((position, row.reference, caption + row.top_genes.split(", ")))
    return drawn


def _draw_query(ax: Axes, explanation: Explanation) -> None:
    title = f"{shortened(explanation.slide)}\n{shortened(explanation.spot)}"
    caption = [explanation.gene, f"= {explanation.value:.3g} ({explanation.scale})"]
    _draw(ax, explanation.query_thumbnail, title, caption, bold=True)
    ax.add_patch(Rectangle((0, 0), 1, 1, transform=ax.transAxes, fill=False, ec=_FRAME, lw=4))
    picture = explanation.query_thumbnail
    if picture is not None and np.isfinite(explanation.patch_um):
        side = len(picture)
        y = 0.94 * side
        ax.plot([0.06 * side, 0.56 * side], [y, y], color="black", lw=3, solid_capstyle="butt")
        ax.text(
            0.31 * side,
            y - 0.03 * side,
            f"{explanation.patch_um / 2:.3g} µm",
            ha="center",
            va="bottom",
            fontsize=8,
        )


def _draw(
    ax: Axes,
    picture: np.ndarray | None,
    title: str,
    caption: Sequence[str],
    *,
    bold: bool = False,
) -> None:
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    if picture is None:
        ax.text(
            0.5, 0.5, "no picture", ha="center", va="center", transform=ax.transAxes, color="0.5"
        )
        ax.set_box_aspect(1)
    else:
        ax.imshow(picture)
    title = "\n".join(shortened(line) for line in title.replace(":", "\n", 1).split("\n"))
    ax.set_title(figure_text(title), fontsize=9, fontweight="bold" if bold else "normal")
    ax.set_xlabel(figure_text("\n".join(shortened(line) for line in caption)), fontsize=8)
