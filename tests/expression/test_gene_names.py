import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.gene_names import (
    choose_genes,
    is_ensembl,
    unique_genes,
    without_versions,
)

IDS = [f"ENSG0000000000{i}" for i in range(4)]


def test_features_that_are_no_genes_are_left_out_and_counted():
    types = ["Gene Expression", "Antibody Capture", "Gene Expression", "Antibody Capture"]
    var = pd.DataFrame({"feature_types": types}, index=["A", "CD3", "CD4", "CD4"])
    columns, names, notes = choose_genes(var, gene_column=None, subject="s")
    assert columns.tolist() == [0, 2]
    assert names.tolist() == ["A", "CD4"]  # a name that is both a gene's and an antibody's stays
    assert notes == ("features of s that are no genes left out: 2 Antibody Capture",)
    with pytest.raises(InputError, match="holds no genes"):
        choose_genes(var[var.feature_types != "Gene Expression"], gene_column=None, subject="s")
    biotypes = pd.DataFrame({"feature_type": ["protein_coding", "lncRNA"]}, index=["A", "B"])
    assert len(choose_genes(biotypes, gene_column=None, subject="s")[0]) == 2


def test_repeated_symbols_carry_their_id_and_are_refused_without():
    var = pd.DataFrame({"gene_ids": IDS}, index=["TBCE", "A", "TBCE", "B"])
    _, names, notes = choose_genes(var, gene_column=None, subject="s")
    assert names.tolist() == [f"TBCE-{IDS[0]}", "A", f"TBCE-{IDS[2]}", "B"]
    assert "2 genes of s share a symbol (TBCE)" in notes[0]
    with pytest.raises(InputError, match=r"duplicate gene names: TBCE \(2 times\)"):
        choose_genes(var[[]], gene_column=None, subject="s")
    with pytest.raises(InputError, match="duplicate gene names"):
        unique_genes(np.array(["A", "A"]), np.array(["x", "x"]), subject="s")


def test_names_from_a_column():
    var = pd.DataFrame({"feature_name": ["A", "A", "C", np.nan]}, index=IDS)
    _, names, notes = choose_genes(var, gene_column=None, subject="s")  # CELLxGENE
    assert names.tolist() == [f"A-{IDS[0]}", f"A-{IDS[1]}", "C", IDS[3]]
    assert "taken from var['feature_name']" in notes[0]
    assert "1 genes of s without a symbol keep their id" in notes[1]
    assert choose_genes(var, gene_column="index", subject="s")[1].tolist() == IDS
    symbols = pd.DataFrame({"gene_ids": IDS}, index=list("abcd"))
    assert choose_genes(symbols, gene_column="gene_ids", subject="s")[1].tolist() == IDS
    assert choose_genes(symbols, gene_column=None, subject="s")[1].tolist() == list("abcd")
    with pytest.raises(InputError, match=r"(?s)no column 'nope'.*index, gene_ids"):
        choose_genes(symbols, gene_column="nope", subject="s")
    categories = var.assign(feature_name=pd.Categorical(["A", "B", "C", "D"]))
    assert choose_genes(categories, gene_column=None, subject="s")[1].tolist() == list("ABCD")


def test_versions_and_kinds():
    assert without_versions(np.array(["ENSMUSG00000000001.5", "A.2"])).tolist() == [
        "ENSMUSG00000000001",
        "A.2",
    ]
    assert is_ensembl(np.array(IDS))
    assert not is_ensembl(np.array(["A", "B"]))
    assert not is_ensembl(np.array([]))


def test_dates_are_noticed():
    _, notes = unique_genes(np.array(["1-Mar", "2-Sep", "ACTB"]), None, subject="s")
    assert "2 gene names of s look like dates (1-Mar, 2-Sep)" in notes[0]
