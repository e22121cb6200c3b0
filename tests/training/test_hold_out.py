import numpy as np
from hypothesis import given, strategies as st

from spatialrag.training.hold_out import exclusion_groups, held_out_parts

SLIDES = np.array(["s1", "s2", "s3", "s4"])


def test_donors_where_there_are_three_slides_where_there_are_fewer():
    assert exclusion_groups(np.array(["a", "a", "b", "c"]), SLIDES).tolist() == ["a", "a", "b", "c"]
    assert exclusion_groups(np.array(["a", "a", "b", "b"]), SLIDES).tolist() == SLIDES.tolist()


@given(
    st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 500), min_size=2, max_size=8),
    st.integers(0, 99),
)
def test_parts_are_whole_groups_a_fifth_at_least_and_never_everything(spots, seed):
    parts = held_out_parts(spots, seed)
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    assert set(names) <= set(spots)
    for part in parts:
        assert 0 < len(part) < len(spots)
        held = sum(spots[name] for name in part)
        assert held >= 0.2 * sum(spots.values()) or part == parts[0] == parts[-1]
    assert held_out_parts(spots, seed) == parts
