import spatialrag as sr


def test_faces(references, queries):
    prediction = sr.GeneRAG(n_anchors=60).fit(references).predict(queries)
    assert prediction.genes[0] in sr.pl.gene(prediction, prediction.genes[0]).get_title()
    figure = sr.pl.citations(prediction, spot=prediction.spots[0], gene=prediction.genes[0], n=3)
    assert len(figure.axes) == 4
    assert sr.pl.references_per_spot(prediction).get_title() == "effective references"
