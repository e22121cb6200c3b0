import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag.metrics.composition import calibration_curve
from spatialrag.plots.types import (
    plot_attention,
    plot_calibration,
    save_attention,
    save_calibration,
)
from spatialrag.prediction.citations import Citations
from spatialrag.prediction.prediction import Prediction


def test_one_map_per_type(tmp_path):
    rng = np.random.default_rng(0)
    weights = sparse.csr_matrix(rng.dirichlet(np.ones(6), size=9))
    references = pd.DataFrame({"slide": "s", "cell_type": list("AABBCC")}, index=list("abcdef"))
    measured = np.ones((2, 1), bool)
    expression = sparse.csr_matrix(np.ones((6, 2)))
    prediction = Prediction(
        slide="q",
        spots=np.arange(9).astype(str),
        xy=np.stack(np.divmod(np.arange(9.0), 3), axis=1) * 10,
        genes=np.array(["G1", "G2"]),
        expression=(weights @ expression).toarray().astype("float32"),
        scale="log1p_cp10k",
        citations=Citations(weights, references, expression, measured, np.array(["s"])),
    )
    figure = plot_attention(prediction)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert [title[0] for title in titles] == ["A", "B", "C"]
    plt.close(figure)
    save_attention(prediction, tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5000


def test_a_calibration_line_per_method(tmp_path):
    rng = np.random.default_rng(0)
    truth, other = rng.dirichlet(np.ones(3), 50), rng.dirichlet(np.ones(3), 50)
    curves = {"good": calibration_curve(truth, truth), "bad": calibration_curve(truth, other)}
    figure = plot_calibration(curves)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["good"].get_xdata(), lines["good"].get_ydata())
    assert set(lines) >= {"good", "bad"}
    plt.close(figure)
    save_calibration(curves, tmp_path / "calibration.png")
    assert (tmp_path / "calibration.png").stat().st_size > 5000
