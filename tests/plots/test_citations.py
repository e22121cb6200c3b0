import matplotlib as mpl
from PIL import Image

from spatialrag.explanation.explanation import explain
from spatialrag.plots.citations import plot_citations, save_citations
from spatialrag.prediction.generag import GeneRAG

mpl.use("Agg")


def test_query_beside_its_top_5(references, queries, toy_bank, tmp_path):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    prediction = prediction.with_pictures(toy_bank.only(["toy4"]).thumbnails)
    found = explain(prediction, spot=prediction.spots[3], gene=prediction.genes[0])
    figure = plot_citations(found)
    assert len(figure.axes) == 6
    assert all(ax.images for ax in figure.axes)
    assert "weight" in figure.axes[1].get_xlabel()
    save_citations(found, tmp_path / "c.png")
    assert Image.open(tmp_path / "c.png").width > 500


def test_without_pictures_it_says_so(references, queries):
    prediction = GeneRAG(n_anchors=60).fit(references).predict(queries)
    found = explain(prediction, spot=prediction.spots[3], gene=prediction.genes[0])
    assert plot_citations(found).axes[0].texts[0].get_text() == "no picture"
