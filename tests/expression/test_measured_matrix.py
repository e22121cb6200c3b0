import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy import sparse

from spatialrag.expression.measured_matrix import MeasuredMatrix, join_matrices

ALL_GENES = np.array([f"G{i}" for i in range(8)])


def one_source(seed: int, genes: list[int], n: int) -> MeasuredMatrix:
    values = np.random.default_rng(seed).poisson(1, (n, len(genes))).astype(np.float32)
    return MeasuredMatrix(
        sparse.csr_matrix(values),
        ALL_GENES[np.sort(genes)],
        np.ones((len(genes), 1), bool),
        np.zeros(n, int),
    )


def frames(matrix: MeasuredMatrix) -> list[pd.DataFrame]:
    """Each source's rows over the genes it measured, built without the code under test."""
    return [
        pd.DataFrame(matrix.values.toarray(), columns=matrix.genes).loc[
            matrix.source_of == source, matrix.measured[:, source]
        ]
        for source in range(matrix.measured.shape[1])
    ]


panels = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=4,
)


@given(panels)
def test_a_join_holds_what_pandas_concatenates(panels):
    parts = [one_source(*panel) for panel in panels]
    joined = join_matrices(parts)
    table = pd.concat([frames(part)[0] for part in parts]).sort_index(axis=1)
    assert joined.genes.tolist() == table.columns.tolist()
    np.testing.assert_array_equal(joined.values.toarray(), table.fillna(0).to_numpy())
    np.testing.assert_array_equal(joined.seen, table.notna().to_numpy())
    np.testing.assert_array_equal(joined.everywhere, table.notna().all().to_numpy())


@given(panels, st.data())
def test_what_is_kept_is_the_join_of_what_stays(panels, data):
    parts = [one_source(*panel) for panel in panels]
    stays = np.array(data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts))))
    if not stays.any():
        stays[0] = True
    kept, rows = join_matrices(parts).keep(stays)
    again = join_matrices([part for part, stay in zip(parts, stays, strict=True) if stay])
    assert kept.genes.tolist() == again.genes.tolist()
    np.testing.assert_array_equal(kept.values.toarray(), again.values.toarray())
    np.testing.assert_array_equal(kept.measured, again.measured)
    np.testing.assert_array_equal(kept.source_of, again.source_of)
    assert rows.sum() == len(kept.source_of)


def test_one_source_alone_has_its_own_genes():
    joined = join_matrices([one_source(0, [0, 1], 2), one_source(1, [1, 5], 3)])
    alone, rows = joined.of_source(1)
    assert alone.genes.tolist() == ["G1", "G5"]
    assert rows.tolist() == [False, False, True, True, True]
    pd.testing.assert_frame_equal(
        frames(alone)[0], frames(joined)[1].reset_index(drop=True), check_names=False
    )


def test_other_genes_come_in_the_order_asked_and_unknown_ones_are_unmeasured():
    wide = one_source(0, [1, 3], 2).over(np.array(["G3", "absent", "G1"]))
    assert wide.genes.tolist() == ["G3", "absent", "G1"]
    assert wide.measured[:, 0].tolist() == [True, False, True]
    first = one_source(0, [1, 3], 2).values.toarray()
    np.testing.assert_array_equal(
        wide.values.toarray(), np.column_stack([first[:, 1], np.zeros(2), first[:, 0]])
    )


@pytest.mark.parametrize(
    ("n_rows", "n_sources", "said"),
    [(2, 1, []), (3, 1, ["3 spots"]), (2, 2, ["measured mask"])],
)
def test_what_does_not_fit_is_named(n_rows, n_sources, said):
    found = one_source(0, [0, 1], 2).faults("spots", n_rows, n_sources)
    assert len(found) == len(said)
    assert all(word in text for word, text in zip(said, found, strict=True))
