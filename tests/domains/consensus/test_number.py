import numpy as np

from spatialrag.domains.consensus.number import most_stable, stability_curve
from spatialrag.domains.consensus.views import View


def test_clear_clusters_are_counted():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 60)
    means = rng.normal(size=(4, 6)) * 6
    views = [
        View(str(i), means[truth] + rng.normal(size=(240, 6)) * (1 + i), 1.0) for i in range(2)
    ]
    curve = stability_curve(views, (2, 3, 4, 5, 6, 8))
    assert curve[4] > 0.95
    assert most_stable(curve) == 4
    assert curve == stability_curve(views, (2, 3, 4, 5, 6, 8))


def test_the_most_of_those_that_are_level():
    assert most_stable({2: 0.95, 3: 0.6, 4: 0.94, 5: 0.7}) == 4
    assert most_stable({2: 0.95, 3: 0.6, 4: 0.8}) == 2
