import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.read import read_section
from spatialrag.expression.transposed import refuse_transposed


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(
            np.ones((3, 2)), index=["G1", "G2", "G3"], columns=["ACGTACGTACGTACGT-1", "x"]
        ),
        pd.DataFrame(np.ones((3, 2)), index=["G1", "G2", "G3"], columns=["1x2", "3x4"]),
        pd.DataFrame(np.ones((3, 2)), index=["G1", "actb", "G3"], columns=["s1", "s2"]),
        pd.DataFrame(
            np.ones((2, 2)), index=["ENSG00000000003", "ENSG00000000005"], columns=["a", "b"]
        ),
        pd.DataFrame(np.ones((2, 2)), index=pd.Index(["u", "v"], name="gene"), columns=["a", "b"]),
    ],
)
def test_genes_in_rows_are_refused(tmp_path, frame):
    names = [name if name != "x" else "TTTTACGTACGTACGT-1" for name in frame.columns]
    frame.set_axis(names, axis=1).to_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="has genes in its rows"):
        read_section(tmp_path / "t.csv")


def test_tables_of_spots_pass():
    for rows in (["s1", "s2"], ["AAACCCAAGAAACCCA-1"], ["1x2"], ["ACTB_region"]):
        refuse_transposed("", pd.Index(rows), ["ACTB", "ENSG00000000003"], "t.csv")
