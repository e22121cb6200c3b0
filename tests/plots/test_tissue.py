import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from spatialrag.plots.tissue import draw_scale_bar, draw_spots, frame_spots

mpl.use("Agg")


@pytest.mark.parametrize(("mpp", "said"), [(0.25, "20 µm"), (1.0, "100 µm"), (40.0, "5 mm")])
def test_bars_are_round_lengths_of_a_quarter_or_so(mpp, said):
    ax = plt.subplots()[1]
    ax.set_xlim(0, 400)
    draw_scale_bar(ax, mpp)
    assert ax.texts[0].get_text() == said
    assert 0.1 <= np.ptp(ax.lines[0].get_xdata()) / 400 <= 0.5


def test_a_single_spot_and_spots_of_one_column_are_drawn():
    ax = plt.subplots()[1]
    for xy in (np.array([[5.0, 5.0]]), np.array([[5.0, 0.0], [5.0, 100.0]])):
        draw_spots(ax, xy, np.ones(len(xy)))
        frame_spots(ax, xy)
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
