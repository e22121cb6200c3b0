from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.descriptions import describe, read_summaries

TEXTS = pd.Series(
    {
        "Mbp": "myelin sheath protein of oligodendrocytes",
        "Plp1": "myelin proteolipid protein of oligodendrocytes",
        "Slc17a7": "glutamate transporter of synaptic vesicles in neurons",
        "Gad1": "synthesis of the transmitter of inhibitory neurons",
    }
)
REAL = Path(__file__).parents[3] / "shared/data/genes"


def cosine(table, a, b):
    first, second = table.vectors[table.positions_of(np.array([a, b]))]
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


def test_alike_descriptions_get_alike_vectors():
    table = describe(TEXTS, np.array(["MBP", "PLP1", "GAD1", "Unknown"]))
    assert table.genes.tolist() == ["MBP", "PLP1", "GAD1"]
    assert cosine(table, "Mbp", "Plp1") > cosine(table, "Mbp", "Gad1")


def test_vectors_do_not_depend_on_which_genes_are_asked_for():
    some = describe(TEXTS, np.array(["Gad1"]))
    more = describe(TEXTS, np.array(["Mbp", "Gad1"]))
    np.testing.assert_array_equal(some.vectors[0], more.vectors[1])
    with pytest.raises(InputError, match="none of the genes is described"):
        describe(TEXTS, np.array(["ENSG1"]))


def test_reads_known_columns_and_keeps_the_longer_text(tmp_path):
    path = tmp_path / "genes.tsv.gz"
    table = pd.DataFrame(
        {"mouse_symbol": ["a", "A", "b", ""], "human_summary": ["x", "xx", "", "y"]}
    )
    table.to_csv(path, sep="\t", index=False)
    assert read_summaries(path).to_dict() == {"A": "xx"}
    pd.DataFrame({"symbol": ["NA"], "Gene_summary": ["text"]}).to_csv(path, sep="\t", index=False)
    assert read_summaries(path).to_dict() == {"NA": "text"}
    pd.DataFrame({"gene": ["a"], "text": ["b"]}).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match="not a table of gene descriptions"):
        read_summaries(path)
    with pytest.raises(InputError, match="does not exist"):
        read_summaries(tmp_path / "absent")


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.exists(), reason="needs the RefSeq gene summaries")
def test_refseq_summaries_know_myelin():
    table = describe(
        read_summaries(REAL / "human_gene_summary.tsv.gz"),
        np.array(["MBP", "PLP1", "GAD1"]),
    )
    assert cosine(table, "MBP", "PLP1") > cosine(table, "MBP", "GAD1")
    mouse = read_summaries(REAL / "mouse_via_ortholog.tsv.gz")
    assert len(mouse) > 10_000
