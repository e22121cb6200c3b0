from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from scipy import stats

import spatialrag as sr
from spatialrag.errors import InputError
from spatialrag.prediction.store import attach


def test_faces(references, queries):
    prediction = sr.GeneRAG(n_anchors=60).fit(references).predict(queries)
    assert prediction.genes[0] in sr.pl.gene(prediction, prediction.genes[0]).get_title()
    figure = sr.pl.citations(prediction, spot=prediction.spots[0], gene=prediction.genes[0], n=3)
    assert sum(ax.axison for ax in figure.axes) >= 1 + 3
    assert sr.pl.references_per_spot(prediction).get_title() == "effective references"


def test_measured_beside_predicted(references, queries, toy_sections):
    prediction = sr.GeneRAG(n_anchors=60).fit(references).predict(queries)
    section, gene = toy_sections[3], str(prediction.genes[0])
    left, right = sr.pl.compare(prediction, section, gene)
    truth = section.expression[:, section.genes == gene].toarray().ravel()
    truth = np.log1p(1e4 * truth / section.totals)
    values = prediction.values_of(np.array([gene]))[:, 0]
    np.testing.assert_allclose(left.collections[0].get_array(), truth, rtol=1e-5)
    assert f"r = {stats.pearsonr(values, truth).statistic:.2f}" in right.get_title()
    with pytest.raises(InputError, match="did not measure"):
        sr.pl.compare(prediction, replace(section, genes=section.genes + "x"), gene)


def test_faces_of_what_an_anndata_keeps(references, queries):
    prediction = sr.GeneRAG(n_anchors=60, backbone="linear").fit(references).predict(queries)
    adata = ad.AnnData(np.zeros((len(queries.spots), 2)))
    with pytest.raises(InputError, match="no prediction is called"):
        sr.pl.gene(adata, prediction.genes[0])
    attach(prediction, adata, key="predicted")
    assert prediction.genes[0] in sr.pl.gene(adata, prediction.genes[0]).get_title()
    assert sr.pl.references_per_spot(adata).get_title() == "effective references"
