import anndata as ad
import numpy as np
import pytest

import spatialrag as sr
from spatialrag.errors import InputError
from spatialrag.prediction.store import attach


def test_faces(references, queries):
    prediction = sr.GeneRAG(n_anchors=60).fit(references).predict(queries)
    assert prediction.genes[0] in sr.pl.gene(prediction, prediction.genes[0]).get_title()
    figure = sr.pl.citations(prediction, spot=prediction.spots[0], gene=prediction.genes[0], n=3)
    assert sum(ax.axison for ax in figure.axes) >= 1 + 3
    assert sr.pl.references_per_spot(prediction).get_title() == "effective references"


def test_faces_of_what_an_anndata_keeps(references, queries):
    prediction = sr.GeneRAG(n_anchors=60, backbone="linear").fit(references).predict(queries)
    adata = ad.AnnData(np.zeros((len(queries.spots), 2)))
    with pytest.raises(InputError, match="no prediction is called"):
        sr.pl.gene(adata, prediction.genes[0])
    attach(prediction, adata, key="predicted")
    assert prediction.genes[0] in sr.pl.gene(adata, prediction.genes[0]).get_title()
    assert sr.pl.references_per_spot(adata).get_title() == "effective references"
