import inspect
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from spatialrag.domains.domains import Domains
from spatialrag.errors import InputError
from spatialrag.plots.domains import (
    plot_ablation,
    plot_beside_annotation,
    plot_coefficients,
    plot_domains,
    plot_modulation,
    plot_semantic_maps,
    plot_sweep,
)

RNG = np.random.default_rng(0)
XY = RNG.normal(size=(40, 2))
LABELS = np.repeat(["1", "2"], 20)
ARRAYS = {name: RNG.normal(size=(40, 4)) for name in ("before", "alpha", "beta")}
DOMAINS = Domains(LABELS, RNG.normal(size=(40, 4)), arrays=ARRAYS)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def colors_of(ax):
    return {
        c.get_label(): c.get_facecolor()[0].tolist() for c in ax.collections if len(c.get_offsets())
    }


def test_one_color_per_domain_and_grey_for_missing():
    labels = np.array([None, *LABELS[1:]], object)
    ax = plot_domains(labels, XY, title="x")
    assert sum(len(c.get_offsets()) for c in ax.collections) == 40
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["1", "2"]
    assert ax.yaxis_inverted()


def test_found_domains_take_the_colors_of_what_they_match():
    truth = np.where(LABELS == "1", "L1", "L2")
    axes = plot_beside_annotation(truth, {"a": np.where(LABELS == "1", "9", "8")}, XY)
    assert colors_of(axes[0]) == colors_of(axes[1])
    more = np.array(["9"] * 20 + ["8"] * 15 + ["7"] * 5)
    names = colors_of(plot_beside_annotation(truth, {"a": more}, XY)[1])
    assert set(names) == {"L1", "L2", "unmatched:7"}


def test_modulation_and_coefficients():
    assert [ax.get_title() for ax in plot_modulation(DOMAINS, XY)] == [
        "before modulation",
        "after modulation",
    ]
    assert [ax.get_xlabel() for ax in plot_coefficients(DOMAINS)] == ["alpha", "beta"]
    with pytest.raises(InputError, match="no before"):
        plot_modulation(Domains(LABELS, np.zeros((40, 2))), XY)


def test_sweep_and_ablation():
    runs = pd.DataFrame({"arm": ["a", "a", "b"], "k": [5, 5, 10], "ari": [0.2, 0.4, 0.5]})
    ax = plot_sweep(runs, x="k", control=0.3)
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata(), float), [0.3, 0.5])
    ax = plot_ablation(runs)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.3, 0.5])


VECTORS = {"one": RNG.normal(size=(40, 5)), "two": RNG.normal(size=(40, 3))}


class Plane:
    """Stands in for UMAP, which takes 20 seconds to compile: the first two columns."""

    def __init__(self, random_state=None, n_jobs=-1):
        assert (random_state, n_jobs) == (3, 1)

    def fit_transform(self, X):
        return X[:, :2]


def test_each_semantic_map_holds_its_spots(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Plane))
    axes = plot_semantic_maps(VECTORS, LABELS, rng=3)
    assert [ax.get_title() for ax in axes] == ["one", "two"]
    for ax, values in zip(axes, VECTORS.values(), strict=True):
        drawn = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections])
        assert {tuple(xy) for xy in drawn.tolist()} == {tuple(xy) for xy in values[:, :2].tolist()}


def test_what_stands_in_takes_what_umap_takes(parameters_of):
    assert set(inspect.signature(Plane).parameters) <= parameters_of("umap", "umap_.py", "UMAP")


@pytest.mark.slow
def test_semantic_maps_side_by_side():
    pytest.importorskip("umap")
    axes = plot_semantic_maps(VECTORS, LABELS)
    assert [ax.get_title() for ax in axes] == ["one", "two"]
