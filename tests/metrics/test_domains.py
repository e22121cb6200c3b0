from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.metrics import accuracy_score, f1_score

from spatialrag.errors import InputError
from spatialrag.metrics.domains import domain_scores, match_domains

LABELS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=30)


def test_names_do_not_matter():
    truth = np.array(list("aabbcc"))
    scores = domain_scores(truth, np.array([2, 2, 0, 0, 1, 1]))
    assert scores == dict.fromkeys(scores, 1.0) | {"n_scored": 6}


@given(LABELS, st.integers(0, 10**6))
def test_matching_is_the_best_of_all(truth, seed):
    truth = np.array(truth)
    found = np.random.default_rng(seed).integers(0, 4, len(truth)).astype(str)
    best = max(
        np.mean([names[int(label)] == t for label, t in zip(found, truth, strict=True)])
        for names in permutations("abcd")
    )
    scores = domain_scores(truth, found)
    assert scores["accuracy"] == pytest.approx(best)
    matched = match_domains(truth, found)
    assert scores["accuracy"] == accuracy_score(truth, matched)
    assert scores["f1_macro"] == pytest.approx(
        f1_score(truth, matched, labels=np.unique(truth), average="macro", zero_division=0)
    )


def test_more_domains_than_annotated_are_wrong_where_they_are_left_over():
    truth, found = np.array(list("aaaabb")), np.array(list("xxyyzz"))
    assert match_domains(truth, found).tolist()[-2:] == ["b", "b"]
    assert domain_scores(truth, found)["accuracy"] == pytest.approx(4 / 6)


def test_spots_without_annotation_are_not_scored():
    truth = np.array(["a", "b", None, np.nan, "unlabelled", "a"], object)
    scores = domain_scores(truth, np.array([0, 1, 1, 1, 0, 0]))
    assert scores["n_scored"] == 3
    assert scores["ari"] == 1
    with pytest.raises(InputError, match="no spot is annotated"):
        domain_scores(truth[2:4], np.array([0, 1]))
    with pytest.raises(InputError, match="one label per spot"):
        domain_scores(truth, np.array([0, 1]))
