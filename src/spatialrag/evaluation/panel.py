"""Which genes are scored, fixed from the references before the test slide is looked at."""

from dataclasses import dataclass

import numpy as np

from spatialrag.bank.bank import Bank
from spatialrag.errors import InputError
from spatialrag.expression.genes import rank_by_variance


@dataclass(frozen=True, eq=False)
class Panel:
    """Genes to score, in the order fixed by the references' variance.

    Parameters
    ----------
    genes : (n,)
        Global genes, most variable in the references first.
    n_core
        The first so many are the core genes.

    Examples
    --------
    >>> Panel(np.array(["A", "B", "C"]), n_core=2).groups["core"].tolist()
    [0, 1]
    """

    genes: np.ndarray
    n_core: int

    @property
    def groups(self) -> dict[str, np.ndarray]:
        """Positions of the core and of all (global) genes."""
        return {"core": np.arange(self.n_core), "global": np.arange(len(self.genes))}


def fix_panel(
    bank: Bank, measured: np.ndarray, *, n_core: int = 300, n_global: int = 5000
) -> Panel:
    """Return the panel for a bank of references.

    Parameters
    ----------
    bank
        References alone; the variance of their expression as stored (counts) ranks the genes,
        as the paper's panels are ranked.
    measured
        Names of the genes the test slide measured: of that slide, nothing else is used.
    n_core, n_global
        Sizes; fewer genes give a smaller panel.

    Examples
    --------
    >>> panel = sr.fix_panel(bank, sections[3].genes, n_core=50, n_global=200)
    >>> panel.n_core, len(panel.genes)
    (50, 200)
    """
    eligible = bank.measured_everywhere & np.isin(bank.genes, measured)
    ranked = rank_by_variance(bank.expression[~bank.empty], eligible)[:n_global]
    if len(ranked) == 0:
        raise InputError(
            "no gene can be scored",
            expected="genes measured by every reference slide and by the test slide",
            fix="check that gene names are of one kind (symbols or Ensembl ids)",
        )
    return Panel(bank.genes[ranked], min(n_core, len(ranked)))
