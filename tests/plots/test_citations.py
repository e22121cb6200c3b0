from dataclasses import replace

import matplotlib as mpl
from PIL import Image

from spatialrag.explanation.explanation import explain
from spatialrag.plots.citations import plot_citations, save_citations, shortened
from spatialrag.prediction.generag import GeneRAG

mpl.use("Agg")


def test_query_beside_its_groups_and_the_strongest(references, queries, toy_bank, tmp_path):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    prediction = prediction.with_pictures(toy_bank.select(["toy4"]).thumbnails)
    found = explain(prediction, spot=prediction.spots[3], gene=prediction.genes[0])
    figure = plot_citations(found, n=2)
    groups = sum(name.isdigit() for name in found.groups.index)
    assert sum(bool(ax.images) for ax in figure.axes) == 1 + groups + 2
    assert "weight" in figure.axes[1].get_xlabel()
    assert found.headline in figure.get_suptitle()
    save_citations(found, tmp_path / "c.png")
    assert Image.open(tmp_path / "c.png").width > 500


def test_without_pictures_it_says_so(references, queries):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    found = explain(prediction, spot=prediction.spots[3], gene=prediction.genes[0])
    assert plot_citations(found).axes[0].texts[0].get_text() == "no picture"


def test_without_groups_the_strongest_are_drawn(references, queries):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    bare = replace(prediction, citations=replace(prediction.citations, groups=None))
    found = explain(bare, spot=prediction.spots[3], gene=prediction.genes[0])
    assert found.groups.empty
    assert len(plot_citations(found).axes) == 6


def test_long_names_are_cut_in_their_middle():
    assert shortened("short") == "short"
    assert shortened("a" * 30 + "z" * 30, 11) == "aaaaa…zzzzz"
