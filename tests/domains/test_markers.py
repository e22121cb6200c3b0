import numpy as np
import pandas as pd
import pytest

from spatialrag.domains.markers import domain_markers, read_gene_sets, set_enrichment
from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError

GENES = [f"G{i}" for i in range(20)]


def tissue():
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, (60, 20))
    counts[:30, :3] += rng.poisson(20, (30, 3))
    spots = [f"s{i}" for i in range(60)]
    return Tissue(counts, GENES, spots, rng.normal(size=(60, 2)))


LABELS = np.repeat(["1", "2"], 30)


@pytest.mark.parametrize("test", ["wilcoxon", "t-test"])
def test_raised_genes_come_first(test):
    pytest.importorskip("scanpy")
    found = domain_markers(tissue(), LABELS, test=test, n_genes=5)
    first = found[found["domain"] == "1"]
    assert set(first["gene"][:3]) == {"G0", "G1", "G2"}
    assert (first["log_fold_change"][:3] > 1).all()
    assert (first["p_adjusted"][:3] < 1e-4).all()
    assert len(found) == 10


def test_too_few_domains_and_unknown_tests():
    pytest.importorskip("scanpy")
    with pytest.raises(InputError, match="two domains"):
        domain_markers(tissue(), np.repeat("1", 60))
    single = np.array(["3", *LABELS[1:]])
    assert set(domain_markers(tissue(), single)["domain"]) == {"1", "2"}
    with pytest.raises(InputError, match="unknown test"):
        domain_markers(tissue(), LABELS, test="anova")


def test_enrichment_by_hand():
    markers = pd.DataFrame(
        {"domain": "1", "gene": ["G0", "G1", "G2", "G9"], "score": [9.0, 8, 7, -1]}
    )
    sets = {"RAISED": frozenset({"G0", "G1", "G2", "X"}), "OTHER": frozenset({"G9", "G10"})}
    found = set_enrichment(markers, sets, np.array(GENES))
    top = found.iloc[0]
    assert top["gene_set"] == "RAISED"
    assert (top["n_shared"], top["n_markers"], top["n_set"]) == (3, 3, 3)
    # One of the C(20, 3) = 1140 ways to choose 3 of 20.
    assert top["p"] == pytest.approx(1 / 1140)
    assert top["p_adjusted"] == pytest.approx(2 / 1140)
    assert top["genes"] == "G0, G1, G2"
    assert found.iloc[1]["p"] == 1
    assert set_enrichment(markers[:0], sets, np.array(GENES)).empty


def test_gmt(tmp_path):
    (tmp_path / "x.gmt").write_text("A\turl\tMbp\tPLP1\t\n\nB\t\tX\n")
    assert read_gene_sets(tmp_path / "x.gmt") == {
        "A": frozenset({"MBP", "PLP1"}),
        "B": frozenset({"X"}),
    }
    (tmp_path / "bad.gmt").write_text("A B C\n")
    with pytest.raises(InputError, match="no GMT"):
        read_gene_sets(tmp_path / "bad.gmt")
    with pytest.raises(InputError, match="does not exist"):
        read_gene_sets(tmp_path / "no.gmt")
