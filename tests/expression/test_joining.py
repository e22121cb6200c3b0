import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.expression.joining import join_names

CALLED = ("counts", "positions")


def join(left, right, **options):
    return join_names(np.array(left), np.array(right), called=CALLED, subject="s", **options)


def test_losses_are_counted_on_both_sides():
    found = join(list("abcd"), list("dcbx"))
    assert found.left.tolist() == [1, 2, 3]
    assert found.right.tolist() == [2, 1, 0]
    assert found.notes == (
        "1 counts of s without positions left out: a",
        "1 positions of s without counts left out: x",
    )
    assert len(join(list("abcd"), list("dcbx"), spare=False).notes) == 1


def test_endings_are_tried():
    found = join(["AA-1", "AC-1"], ["AC", "AA"])
    assert found.right.tolist() == [1, 0]
    assert "less its ending -1" in found.notes[0]
    # Not where that would make names equal.
    with pytest.raises(InputError, match="0 of 2"):
        join(["AA-1", "AA-2"], ["AA", "AC"])


def test_few_matches_show_both_kinds_of_names():
    with pytest.raises(InputError, match=r"(?s)1 of 4 counts.*such as b, c.*such as x, y"):
        join(list("abcd"), list("axyz"))
    assert len(join(list("ab"), list("abcdefgh")).left) == 2  # positions of the whole array


NAMES = st.lists(st.sampled_from([f"{c}{n}" for c in "abc" for n in range(5)]), unique=True)


@settings(max_examples=100, deadline=None)
@given(NAMES, NAMES)
def test_rows_of_the_same_name(left, right):
    try:
        found = join(left, right)
    except InputError:
        assert len(set(left) & set(right)) < max(1, 0.5 * min(len(left), len(right)))
        return
    pairs = [(left[i], right[j]) for i, j in zip(found.left, found.right, strict=True)]
    assert [a for a, b in pairs] == [name for name in left if name in right]
    assert all(a == b for a, b in pairs)
