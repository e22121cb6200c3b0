import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.cohort_genes import agree_on_genes, check_overlap
from spatialrag.expression.section import Section

IDS = [f"ENSG{i:011d}" for i in range(20)]


def section(slide, genes):
    return Section(slide, "d", np.ones((2, len(genes))), genes, ["x", "y"])


def test_versions_of_ids_go_where_they_keep_slides_apart():
    first, second = agree_on_genes(
        [section("a", IDS), section("b", [f"{i}.{len(i)}" for i in IDS])]
    )
    assert first.genes.tolist() == second.genes.tolist() == IDS
    assert "versions of 20 Ensembl ids of b left out" in second.notes[0]
    alike = [section(name, [f"{i}.3" for i in IDS]) for name in "ab"]
    assert agree_on_genes(alike)[0].genes[0].endswith(".3")


def test_symbols_beside_ids_are_refused():
    symbols = [f"G{i}" for i in range(20)]
    with pytest.raises(InputError, match=r"(?s)a and b share 0.*Ensembl ids such as.*gene_column"):
        agree_on_genes([section("a", IDS), section("b", symbols)])
    with pytest.raises(InputError, match=r"(?s)share 0.*one species"):
        check_overlap(np.array(symbols), np.array(["x", "y"]), names=("a", "b"))
    small = section("c", symbols[:2])
    assert len(agree_on_genes([section("a", symbols), small])) == 2
