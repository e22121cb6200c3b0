import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.retrieval.anchors import choose_anchors, require_anchors


def test_variable_and_coexpressed(references):
    eligible = references.measured_everywhere
    anchors = choose_anchors(references, eligible, rule="variable", n=50)
    variance = references.expression.toarray().var(axis=0)
    best = references.genes[eligible][np.argsort(-variance[eligible], kind="stable")[:50]]
    assert set(anchors) == set(best)
    related = choose_anchors(references, eligible, rule="coexpressed", n=50)
    assert len(set(related)) == 50
    with pytest.raises(InputError, match="no gene can be an anchor"):
        choose_anchors(references, np.zeros_like(eligible), rule="variable", n=5)


def test_missing_anchors_are_named_and_can_be_dropped():
    genes, eligible = np.array(["A", "B", "C"]), np.array([True, True, False])
    with pytest.raises(InputError, match=r"(?s)2 of 3 anchor genes.*missing: C, Z.*missing='drop'"):
        require_anchors(["B", "C", "Z"], genes, eligible, missing="raise")
    assert require_anchors(["B", "C"], genes, eligible, missing="drop").tolist() == ["B"]
    with pytest.raises(InputError, match="check gene names"):
        require_anchors(["Z"], genes, eligible, missing="drop")
    with pytest.raises(InputError, match="given twice: A"):
        require_anchors(["A", "A"], genes, eligible, missing="raise")
