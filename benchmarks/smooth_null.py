"""How often maps that know nothing of the truth are called above it, by two nulls.

Gaussian random fields, and their exponentials, independent of each other: the share of p-values
below .05 by surrogates of the predicted maps, and by a test for independent spots.

    python benchmarks/smooth_null.py
"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import cdist

from spatialrag.evaluation.report import scores_markdown
from spatialrag.metrics.expression import pearson_per_gene
from spatialrag.metrics.surrogates import pooled_p_values, surrogates_of

GENES = 1000
LENGTHS = (0.01, 1, 2, 4, 6, 10, 20)  # in distances between neighbors


def grid(side):
    return np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 1.0


def fields(xy, length, noise, rng):
    covariance = (1 - noise) * np.exp(-0.5 * (cdist(xy, xy) / length) ** 2)
    factor = np.linalg.cholesky(covariance + (noise + 1e-6) * np.eye(len(xy)))
    return factor @ rng.standard_normal((len(xy), GENES))


def main():
    ellipse = grid(26) - 13
    ellipse = ellipse[ellipse[:, 0] ** 2 + 2 * ellipse[:, 1] ** 2 < 169]
    rows = {}
    for name, xy, change in (
        ("144 spots", grid(12), np.asarray),
        ("324 spots", grid(18), np.asarray),
        (f"{len(ellipse)} spots, skewed", ellipse, np.exp),
    ):
        surrogates = surrogates_of(xy)
        for length in LENGTHS:
            for noise in (0, 0.5):
                rng = np.random.default_rng(0)
                predicted = change(fields(xy, length, noise, rng))
                measured = change(fields(xy, length, 0.3, rng))
                r = pearson_per_gene(predicted, measured)
                p = pooled_p_values(r, surrogates.correlations(predicted, measured))
                t = r * np.sqrt((len(xy) - 2) / (1 - r**2))
                rows[f"{name}, length {length:g}, noise {noise:g}"] = {
                    "surrogates": np.mean(p < 0.05),
                    "independent spots": np.mean(stats.t.sf(t, len(xy) - 2) < 0.05),
                }
    print(scores_markdown(pd.DataFrame(rows).T, index="maps"))


if __name__ == "__main__":
    main()
