import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.prompts import gene_text, gene_texts, spot_prompt, unrelated_prompt


def test_spot_prompt_is_the_papers():
    assert spot_prompt(["MBP", "PLP1"]) == "Highly expressed genes: MBP, PLP1."


def test_unrelated_prompt_names_no_gene_but_differs():
    first, second = unrelated_prompt(["MBP"]), unrelated_prompt(["PLP1"])
    assert first != second
    assert "MBP" not in first


def test_gene_texts_leave_out_genes_without_one():
    summaries = pd.Series({"MBP": "myelin", "Plp1": "myelin too"})
    genes, texts = gene_texts(np.array(["Mbp", "PLP1", "X"]), summaries)
    assert list(genes) == ["Mbp", "PLP1"]
    assert texts == ["Mbp: myelin", "PLP1: myelin too"]


def test_symbols_need_no_summaries():
    genes, texts = gene_texts(np.array(["A"]), None, kind="symbol")
    assert (list(genes), texts) == (["A"], ["Gene A"])


def test_bad_input():
    with pytest.raises(InputError, match="descriptions"):
        gene_texts(np.array(["A"]), None)
    with pytest.raises(InputError, match="summary, symbol"):
        gene_text("A", kind="poem")
