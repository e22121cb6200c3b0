import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.semantics.gene_texts import embed_genes


class Lengths:
    @property
    def identity(self):
        return {"model": "lengths"}

    def embed(self, texts, *, instruction=""):
        return np.array([[len(t), 1] for t in texts], np.float32)


def test_one_vector_per_described_gene():
    summaries = pd.Series({"A": "xx", "B": "xxxx"})
    found = embed_genes(Lengths(), np.array(["B", "Z", "A"]), summaries=summaries)
    assert list(found.genes) == ["B", "A"]
    np.testing.assert_array_equal(found.vectors[:, 0], [len("B: xxxx"), len("A: xx")])
    assert found.record == {"model": "lengths", "text": "summary"}


def test_no_gene_described():
    with pytest.raises(InputError, match="none of the genes"):
        embed_genes(Lengths(), np.array(["Z"]), summaries=pd.Series({"A": "x"}))
