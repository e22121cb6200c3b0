import numpy as np
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.find_name import find_name, read_aliases

SYMBOLS = np.array(["ERBB2", "ESR1", "Mki67", "MKI67IP", "met", "MET", "TP53"])
IDS = np.array(["ENSG00000141736.13", "ENSG00000091831.24", "ENSG00000141510"])


def gene(name, names=SYMBOLS, aliases=None):
    return find_name(name, names, kind="gene", subject="the prediction", aliases=aliases)


@pytest.mark.parametrize(
    ("asked", "found", "said"),
    [
        ("ERBB2", "ERBB2", ""),
        ("erbb2", "ERBB2", "erbb2 is read as ERBB2"),
        ("HER2", "ERBB2", "HER2 is read as ERBB2"),
        ("her-2", "ERBB2", "her-2 is read as ERBB2"),
        ("Ki-67", "Mki67", "Ki-67 is read as Mki67"),
        ("met", "met", ""),
        ("c-MET", None, ""),
        ("Met", None, ""),
    ],
)
def test_a_symbol_by_case_and_by_the_words_of_the_clinic(asked, found, said):
    if found is None:
        with pytest.raises(InputError, match=r"(?s)may be one of several.*met, MET"):
            gene(asked)
    else:
        position, reading = gene(asked)
        assert (SYMBOLS[position], reading) == (found, said)


@pytest.mark.parametrize(
    "asked", ["ENSG00000141736.13", "ENSG00000141736", "ensg00000141736", "ENSG00000141736.9"]
)
def test_an_ensembl_id_with_any_version_or_none(asked):
    assert gene(asked, IDS)[0] == 0
    assert gene("ENSG00000141510.4", IDS)[0] == 2


def test_a_table_of_aliases_comes_first_and_leads_from_symbols_to_ids(tmp_path):
    path = tmp_path / "hgnc.tsv"
    path.write_text(
        "symbol\talias_symbol\tprev_symbol\tensembl_gene_id\n"
        "ERBB2\tNEU|HER-2|CD340\tNGL\tENSG00000141736\n"
        "ESR1\tHER2\t\tENSG00000091831\n"
    )
    aliases = read_aliases(path)
    assert gene("ERBB2", IDS, aliases)[0] == 0
    assert gene("cd340", IDS, aliases)[0] == 0
    with pytest.raises(InputError, match="one of several"):
        gene("HER2", IDS, aliases)
    (tmp_path / "one.csv").write_text("symbol,length\nA,3\n")
    with pytest.raises(InputError, match=r"one\.csv is no table of gene names"):
        read_aliases(tmp_path / "one.csv")


def test_near_matches_are_offered():
    for asked in ("ERBB22", "ERB2"):
        with pytest.raises(InputError, match="near matches: ERBB2"):
            gene(asked)
    with pytest.raises(InputError, match="nothing like it"):
        gene("qqqq")


def test_aliases_are_of_genes_alone():
    with pytest.raises(InputError):
        find_name("HER2", SYMBOLS, kind="spot", subject="the slide")
