"""How well domains agree with annotated ones; spots without an annotation are not scored."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_rand_score,
    f1_score,
    normalized_mutual_info_score,
)
from sklearn.metrics.cluster import contingency_matrix

from spatialrag.errors import InputError, listing

# In whatever case and with blanks around.
UNLABELLED = (
    "", "-", "?", "na", "n/a", "nan", "<na>", "nat", "none", "null", "unlabelled", "unlabeled",
    "unannotated", "unassigned", "undetermined", "unknown", "not annotated", "no label",
)  # fmt: skip


def labelled(truth: np.ndarray, unlabelled: tuple[str, ...] = ()) -> np.ndarray:
    """Return which spots have an annotation, (n_spots,) bool.

    Missing values and the words of `UNLABELLED` mean that there is none.

    Parameters
    ----------
    truth : (n_spots,)
        Annotations.
    unlabelled
        Further words that mean none, as they are written.

    Examples
    --------
    >>> labelled(np.array(["L1", "NA", None, " undetermined", "edge"], object), ("edge",)).tolist()
    [True, False, False, False, False]
    """
    truth = np.asarray(truth, object)
    words = np.array([str(label).strip() for label in truth], object).astype(str)
    lower = np.char.lower(words) if len(words) else words
    return ~(pd.isna(truth) | np.isin(lower, UNLABELLED) | np.isin(words, list(unlabelled)))


def domain_scores(
    truth: np.ndarray, found: np.ndarray, *, unlabelled: tuple[str, ...] = ()
) -> dict[str, float]:
    """Return ARI, NMI, and accuracy, macro and weighted F1 after the best one-to-one matching.

    A found domain that is matched to no annotated one counts as wrong everywhere.

    Parameters
    ----------
    truth : (n_spots,)
        Annotated domains.
    found : (n_spots,)
        Domains to be scored, under any names.
    unlabelled
        Annotations that mean there is none, beside those `labelled` knows.

    Returns
    -------
    dict
        ``ari``, ``nmi`` (arithmetic mean of entropies), ``accuracy``, ``f1_macro``,
        ``f1_weighted``, ``n_scored``.

    Raises
    ------
    InputError
        Different lengths, or no annotated spot.

    Examples
    --------
    >>> domain_scores(["a", "a", "b", "b"], [1, 1, 0, 0])["ari"]
    1.0
    """
    truth, found = np.asarray(truth, object), np.asarray(found).astype(str)
    if truth.shape != found.shape or truth.ndim != 1:
        raise InputError(
            "annotated and found domains do not match",
            expected="one label per spot in both",
            got=f"{truth.shape} and {found.shape}",
        )
    known = labelled(truth, unlabelled)
    if not known.any():
        raise InputError(
            "no spot is annotated",
            got=listing(sorted({str(label) for label in truth})),
            fix="name the column that holds the annotation",
        )
    truth, found = truth[known].astype(str), found[known]
    matched = match_domains(truth, found)
    return {
        "ari": float(adjusted_rand_score(truth, found)),
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "accuracy": float((matched == truth).mean()),
        **{
            f"f1_{kind}": float(
                f1_score(truth, matched, labels=np.unique(truth), average=kind, zero_division=0)
            )
            for kind in ("macro", "weighted")
        },
        "n_scored": float(known.sum()),
    }


def match_domains(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return ``found`` renamed to annotated names by the matching with most spots in common.

    Hungarian matching, one to one; domains left over keep their name behind ``unmatched:``.
    """
    table = contingency_matrix(truth, found)
    names, labels = np.unique(truth), np.unique(found)
    renamed = {label: f"unmatched:{label}" for label in labels}
    for row, column in zip(*linear_sum_assignment(table, maximize=True), strict=True):
        renamed[labels[column]] = names[row]
    return np.array([renamed[label] for label in found])
