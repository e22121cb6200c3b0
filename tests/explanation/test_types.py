import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spatialrag.errors import InputError
from spatialrag.explanation.types import attention_by_type, carriers
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.prediction import Prediction

MEASURED = np.ones((2, 1), bool)


@pytest.fixture
def prediction():
    """Two spots, three references of two types; the second gene has a residual of 1."""
    weights = sparse.csr_matrix([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
    expression = sparse.csr_matrix([[2.0, 0.0], [4.0, 2.0], [0.0, 4.0]])
    references = pd.DataFrame(
        {"slide": "s", "cell_type": ["T", "B", "B"], "kind": "cell"}, index=["a", "b", "c"]
    )
    values = (weights @ expression).toarray() + np.array([0, 1])
    return Prediction(
        slide="q",
        spots=np.array(["s1", "s2"]),
        xy=np.zeros((2, 2)),
        genes=np.array(["G1", "G2"]),
        expression=values.astype("float32"),
        scale="log1p_cp10k",
        citations=Citations(weights, references, expression, MEASURED, np.array(["s"])),
    )


def test_attention_by_type(prediction):
    table = attention_by_type(prediction)
    assert table.columns.tolist() == ["B", "T"]
    np.testing.assert_allclose(table.to_numpy(), [[0.5, 0.5], [1, 0]])


def test_carriers_add_up(prediction):
    table = carriers(prediction)
    np.testing.assert_allclose(table.loc["G1"], [1.5, 0.5, 0, 2])
    np.testing.assert_allclose(table.loc["G2"], [2.25, 0, 1, 3.25])
    assert carriers(prediction, ["G2"]).index.tolist() == ["G2"]


def test_predictions_without_types(prediction):
    del prediction.citations.references["cell_type"]
    with pytest.raises(InputError, match="carry no cell types"):
        attention_by_type(prediction)
