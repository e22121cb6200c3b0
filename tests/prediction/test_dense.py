import numpy as np
from sklearn.linear_model import Ridge

from spatialrag.prediction.dense import DenseFromAnchors
from spatialrag.prediction.preparation import Preparation


def test_ridge_from_anchors_against_scikit_learn(references, queries):
    fitted = DenseFromAnchors(n_anchors=20, preparation=Preparation(centring=1.0)).fit(references)
    prediction = fitted.predict(queries)
    rows = ~references.empty
    expression = references.on_scale("log1p_cp10k")[rows].toarray()
    x = expression[:, references.columns_of(fitted.predictor.backbone.genes)]
    y = expression[:, references.columns_of(fitted.genes)]
    anchors = fitted.predictor.initial(queries)
    z = x - x.mean(axis=0)
    scale = np.square(z).sum() / z.shape[1]
    # Of the penalties that may be chosen, one gives exactly this.
    errors = [
        np.abs(
            np.maximum(Ridge(alpha=p * scale).fit(x, y).predict(anchors), 0) - prediction.expression
        ).max()
        for p in np.geomspace(1e-3, 10, 9)
    ]
    assert min(errors) < 1e-3
    assert prediction.citations is None
    assert prediction.uncited_share == 1
