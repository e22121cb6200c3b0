"""Choosing anchor genes from the references alone."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError, listing
from spatialrag.expression.genes import coexpressed, rank_by_variance

Rule = Literal["variable", "coexpressed"]
RULES = get_args(Rule)
Missing = Literal["raise", "drop"]
_POOL = 5  # co-expression looks among this many times more variable genes than are chosen


def choose_anchors(bank: Bank, eligible: np.ndarray, *, rule: Rule, n: int) -> np.ndarray:
    """Return the names of up to ``n`` anchor genes, best first.

    Genes are ranked on the scale the bank stores, counts as a rule: there variance favors genes
    that are measured well, while log-normalized values of rare genes vary most by chance.

    Parameters
    ----------
    bank
        The references.
    eligible : (n_genes,) bool
        Genes that every reference measured (and the backbone can predict).
    rule
        ``variable``: largest variance. ``coexpressed``: of the 5 n most variable, those most
        correlated with others.
    """
    expression, genes = bank.expression[~bank.empty], bank.genes
    ranked = rank_by_variance(expression, eligible)
    if len(ranked) == 0:
        raise InputError(
            "no gene can be an anchor",
            expected="genes measured by every slide of the bank and predicted by the backbone",
            fix="drop the slides with the smallest panels, or check gene names",
        )
    if rule == "coexpressed":
        ranked = coexpressed(expression, ranked[: _POOL * n], n)
    return genes[ranked[:n]]


def require_anchors(
    wanted: Sequence[str] | np.ndarray, genes: np.ndarray, eligible: np.ndarray, *, missing: Missing
) -> np.ndarray:
    """Return the wanted anchors that the bank measured on every slide, in the given order.

    Raises
    ------
    InputError
        Some are absent and ``missing`` is not ``drop``, or none is left, or one is repeated.
    """
    names = np.asarray(wanted, dtype=object).astype(str)
    values, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"anchor genes given twice: {listing(values[counts > 1])}")
    present = np.isin(names, genes[eligible])
    if present.any() and (present.all() or missing == "drop"):
        return names[present]
    raise InputError(
        f"{(~present).sum()} of {len(names)} anchor genes are missing from the bank",
        expected="genes that every slide of the bank measured",
        got=f"missing: {listing(names[~present], 10)}",
        fix="pass missing='drop' to go on without them" if present.any() else "check gene names",
    )
