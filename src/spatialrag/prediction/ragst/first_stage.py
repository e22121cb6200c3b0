"""What both stages rest on: compositions of training spots, the head, and the platform factor."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cells.deconvolve import deconvolve
from spatialrag.errors import InputError, listing
from spatialrag.expression.normalize import Scale
from spatialrag.expression.proportions import Proportions
from spatialrag.prediction.ragst.composition import Composition, FittedComposition
from spatialrag.prediction.ragst.platform import Platform, learn_platform
from spatialrag.training.hold_out import exclusion_groups

SCALE: Scale = "log1p_cp10k"
_LEAST_SHARED = 0.2
_LEAST_SERVED = 0.5


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Training spots and what was learned of their composition.

    Parameters
    ----------
    rows : (n,)
        Positions in the bank of spots with counts.
    compositions : (n, n_types)
        Their proportions; the head's own prediction where none were given.
    head
        Patch to distribution over types.
    platform
        Over ``genes``.
    genes : (n_genes,)
        Genes of the single-cell bank.
    levels : (n_genes,)
        Mean of the training spots on ``log1p_cp10k``; 0 where they did not measure a gene.
    proportions_from
        Where the training proportions come from.
    n_without
        Training spots without proportions.
    """

    rows: np.ndarray
    compositions: np.ndarray
    head: FittedComposition
    platform: Platform
    genes: np.ndarray
    levels: np.ndarray
    proportions_from: str
    n_without: int

    def level_factors(self, means: np.ndarray) -> np.ndarray:
        """Return what brings log-scale type means to the spots' mean level, (n_genes,).

        Parameters
        ----------
        means : (n_types, n_genes)
            Means of values on ``log1p_cp10k``, over ``genes``.
        """
        mixed = self.compositions.mean(axis=0) @ means
        return learn_platform(self.levels, mixed, self.platform.learned).factors

    def types_without_cells(self, cells: CellBank) -> list[str]:
        """Return the types of the head that no reference of the single-cell bank serves."""
        return sorted(set(self.head.types) - set(cells.types))

    def means(self, cells: CellBank) -> np.ndarray:
        """Return each type's mean as spots would show it, log1p_cp10k, (n_types, n_genes)."""
        profiles = type_profiles(cells, self.genes, self.head.types)
        means = np.log1p(profiles * self.platform.factors)
        return means * self.level_factors(means)


def fit_first_stage(
    bank: Bank, cells: CellBank, proportions: Proportions | None, composition: Composition
) -> FirstStage:
    """Return the first stage, from references alone.

    Parameters
    ----------
    bank
        Training spots with embeddings.
    cells
        Single-cell bank. Types of the proportions without a cell in it cite nothing: what is
        predicted of them goes to the other types' references.
    proportions
        Proportions of the bank's spots; deconvolved from their counts and ``cells`` when absent.
    composition
        Settings of the head.

    Raises
    ------
    InputError
        Most of the composition without cells, most spots without proportions, or hardly a gene in
        common.
    """
    bank.require_embeddings()
    _check_genes(bank, cells)
    rows = np.flatnonzero(~bank.empty)
    names = bank.references.index.to_numpy(str)[rows]
    if proportions is None:
        proportions = _deconvolved(bank, rows, cells)
    targets = proportions.of(names)
    known = np.isfinite(targets).all(axis=1)
    if known.mean() < 0.5:
        raise InputError(
            f"{(~known).sum()} of {len(known)} training spots have no proportions",
            expected="proportions named slide:spot, for at least half of the spots",
            got=f"{listing(proportions.spots, 2)}; the bank has {listing(names, 2)}",
            fix="give proportions of these slides, or none to have them deconvolved",
        )
    _check_types(targets[known], proportions.types, cells)
    vectors = bank.vectors[rows]
    head = composition.fit(
        vectors[known], targets[known], types=proportions.types, groups=groups_of(bank, rows)[known]
    )
    filled = np.where(known[:, None], targets, head.predict(vectors))
    genes = cells.genes
    profiles = type_profiles(cells, genes, proportions.types)
    column, measured = known_columns(bank, genes)
    spots, levels = np.zeros(len(genes)), np.zeros(len(genes))
    logs = bank.on_scale(SCALE)[rows][:, column[measured]]
    levels[measured] = np.asarray(logs.mean(axis=0)).ravel()
    spots[measured] = np.asarray(logs.expm1().mean(axis=0)).ravel()
    platform = learn_platform(spots, filled.mean(axis=0) @ profiles, measured)
    return FirstStage(
        rows=rows,
        compositions=filled,
        head=head,
        platform=platform,
        genes=genes,
        levels=levels,
        proportions_from=proportions.source,
        n_without=int((~known).sum()),
    )


def known_columns(bank: Bank, genes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each gene's column in the bank (-1: none), and whether every slide measured it."""
    column = pd.Index(bank.genes).get_indexer(genes)
    return column, (column >= 0) & bank.measured_everywhere[column]


def groups_of(bank: Bank, rows: np.ndarray) -> np.ndarray:
    """Return what references are left out with in choosing settings, see `exclusion_groups`."""
    references = bank.references.iloc[rows]
    return exclusion_groups(references["donor"].to_numpy(str), references["slide"].to_numpy(str))


def type_profiles(cells: CellBank, genes: np.ndarray, types: np.ndarray) -> np.ndarray:
    """Return the mean linear profile of each type, (n_types, n_genes).

    Where no cell of a type measured a gene, the mean over all cells that did.
    """
    means, seen = cells.type_means(genes, types)
    every, number = cells.type_means(genes, cells.types)
    overall = (every * number).sum(axis=0) / np.maximum(number.sum(axis=0), 1)
    return np.where(seen > 0, means, overall)


def _check_types(targets: np.ndarray, types: np.ndarray, cells: CellBank) -> None:
    """Raise when the types that have cells make up less than half of the spots."""
    served = np.isin(types, cells.types)
    share = float(targets[:, served].sum(axis=1).mean())
    if share < _LEAST_SERVED:
        raise InputError(
            f"the single-cell bank has cells for {share:.0%} of what the proportions hold",
            expected=f"cells of types such as {listing(types, 30)}",
            got=listing(cells.types, 30),
            fix="map the cells' labels to these names (--type-map), or add a data set or type "
            "means that have them",
        )


def _check_genes(bank: Bank, cells: CellBank) -> None:
    shared = np.isin(bank.genes, cells.genes).mean()
    if shared < _LEAST_SHARED:
        raise InputError(
            f"{shared:.0%} of the spots' genes are in the single-cell bank",
            expected=f"at least {_LEAST_SHARED:.0%}",
            got=f"spots name {listing(bank.genes, 3)}; cells {listing(cells.genes, 3)}",
            fix="use one species, and one kind of names (symbols, or Ensembl ids) on both sides",
        )


def _deconvolved(bank: Bank, rows: np.ndarray, cells: CellBank) -> Proportions:
    if bank.scale != "counts":
        raise InputError(
            "no proportions were given, and none can be deconvolved",
            expected="a bank of counts",
            got=f"a bank on {bank.scale}",
            fix="pass proportions",
        )
    names = bank.references.index.to_numpy(str)[rows]
    everywhere = bank.measured_everywhere
    return deconvolve(bank.expression[rows][:, everywhere], bank.genes[everywhere], names, cells)
