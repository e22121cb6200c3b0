"""Tables with genes in their rows, told from the looks of names."""

import re
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from spatialrag.errors import InputError, listing
from spatialrag.expression.gene_names import is_ensembl

_SPOT = re.compile(
    r"(\w*[_.:-])?[ACGT]{12,}([_.-]\w+)*|\d+x\d+|s_\d{3}um_\d+_\d+.*|(spot|barcode|cell|bin)[_.-]?\d+",
    re.IGNORECASE,
)
# Genes that every tissue expresses and most panels hold, to tell rows of genes from rows of spots.
_HOUSEKEEPING = {
    "ACTB", "GAPDH", "B2M", "EEF1A1", "TMSB4X", "FTL", "FTH1", "MALAT1", "TUBA1B", "UBC", "PPIA",
    "HSP90AB1", "VIM", "RPLP0", "RPS3", "RPL13", "MT-CO1", "MT-CO2", "MT-ND1", "MT-CYB",
}  # fmt: skip
_GENE_TITLE = {"gene", "genes", "symbol", "gene_name", "gene_id", "gene_ids", "ensembl", "feature"}


def refuse_transposed(title: str, rows: pd.Index, columns: list[str], name: str) -> None:
    """Raise `InputError` when rows look like genes and columns like spots.

    Parameters
    ----------
    title
        Title of the column that names rows.
    rows, columns
        Their names; of columns, those taken for genes.
    name
        Name of the file.
    """
    by_spots = _share(columns, _looks_like_spot) > 0.5 and _share(rows, _looks_like_spot) < 0.5
    by_genes = _share(rows, _looks_like_gene) > 0 and _share(columns, _looks_like_gene) == 0
    by_ids = is_ensembl(rows.to_numpy()) and not is_ensembl(np.array(columns))
    if title.lower() in _GENE_TITLE or by_spots or by_genes or by_ids:
        raise InputError(
            f"{name} has genes in its rows",
            expected="spots in rows, genes in columns",
            got=f"rows {listing(rows, 2)}; columns {listing(columns, 2)}",
            fix="transpose it, e.g. pandas.read_csv(FILE, index_col=0).T.to_csv(FILE)",
        )


def _share(names: Iterable[str], looks: Callable[[str], bool]) -> float:
    found = [looks(str(name)) for name in names]
    return float(np.mean(found)) if found else 0.0


def _looks_like_spot(name: str) -> bool:
    return _SPOT.fullmatch(name) is not None


def _looks_like_gene(name: str) -> bool:
    return name.upper() in _HOUSEKEEPING
