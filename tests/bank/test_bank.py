from dataclasses import replace

import numpy as np
import pytest

from spatialrag.errors import InputError


def test_union_of_panels_with_mask(toy_bank, toy_sections):
    assert set(toy_bank.genes) == set().union(*(section.genes for section in toy_sections))
    for position, section in enumerate(toy_sections):
        assert set(toy_bank.genes[toy_bank.measured[:, position]]) == set(section.genes)
        row = toy_bank.references.index.get_loc(f"{section.slide}:{section.spots[5]}")
        columns = np.searchsorted(toy_bank.genes, section.genes)
        np.testing.assert_array_equal(
            toy_bank.expression[row].toarray().ravel()[columns],
            section.expression[5].toarray().ravel(),
        )
    assert toy_bank.measured_everywhere.sum() < len(toy_bank.genes)


def test_exclusion_is_exact(toy_bank):
    rest = toy_bank.without(donors=["donor1"])
    assert set(rest.slides.index) == {"toy2", "toy4"}
    assert set(rest.references["donor"]) == {"donor2"}
    assert rest.measured.any(axis=1).all()
    kept = toy_bank.references["donor"].to_numpy() == "donor2"
    np.testing.assert_array_equal(rest.embeddings, toy_bank.embeddings[kept])


def test_exclusions_that_cannot_be(toy_bank):
    with pytest.raises(InputError, match="donor 'nobody' is not in the bank"):
        toy_bank.without(donors=["nobody"])
    with pytest.raises(InputError, match=r"(?s)no reference is left.*exclude fewer"):
        toy_bank.without(donors=["donor1", "donor2"])


def test_composition_uses_depth_over_all_measured_genes(toy_bank, toy_sections):
    section = toy_sections[1]
    rest = toy_bank.select(["toy2"])
    values = np.expm1(rest.on_scale("log1p_cp10k").toarray()).sum(axis=1)
    np.testing.assert_allclose(values, 1e4, rtol=1e-4)
    np.testing.assert_array_equal(rest.references["total_counts"], section.totals)


def test_queries_must_compare(toy_bank, queries):
    toy_bank.check_queries(queries)
    other = replace(queries, encoder=replace(queries.encoder, fingerprint="other"))
    with pytest.raises(InputError, match=r"(?s)embedded differently.*expected.*got"):
        toy_bank.check_queries(other)
    with pytest.raises(InputError, match="pixel size of 'toy4' is outside the bank's"):
        toy_bank.check_queries(replace(queries, mpp=2.0))
    bare = replace(toy_bank, embeddings=None, encoder=None)
    with pytest.raises(InputError, match="bank has no embeddings"):
        bare.check_queries(queries)


def test_genes_by_name(toy_bank):
    wanted = toy_bank.genes[[7, 2]]
    assert toy_bank.columns_of(wanted).tolist() == [7, 2]
    with pytest.raises(InputError, match=r"(?s)1 of 2 genes are not in the bank.*NOPE"):
        toy_bank.columns_of([wanted[0], "NOPE"])


def test_without_context_is_the_bank_built_without(toy_bank, plain_bank):
    """The same spots, vectors and fingerprint, of a part of the slides as well."""
    joined = replace(toy_bank, thumbnails=None)
    for bank, expected in (
        (joined, plain_bank),
        (joined.select(["toy3"]), plain_bank.select(["toy3"])),
        (plain_bank, plain_bank),
    ):
        found = bank.without_context()
        np.testing.assert_array_equal(found.embeddings, expected.embeddings)
        assert found.encoder == expected.encoder
        assert found.fingerprint == expected.fingerprint
        assert found.slides.equals(expected.slides)
        found.check_queries(plain_bank.embeddings_of("toy1"))
    bare = replace(toy_bank, embeddings=None, encoder=None)
    assert bare.without_context() is bare
