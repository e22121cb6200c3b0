"""Cells from CELLxGENE Census: chosen by tissue, disease and assay, read a data set at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spatialrag.cells.build import cells_from_anndata, clean_labels, join_cells
from spatialrag.cells.cell_bank import CellBank
from spatialrag.cells.types import TypeMap, identity
from spatialrag.errors import InputError, MissingDependencyError, listing
from spatialrag.progress import track

_COLUMNS = ["soma_joinid", "cell_type", "donor_id", "dataset_id"]
_HUMAN = "Homo sapiens"


@dataclass(frozen=True)
class CensusQuery:
    """Which cells of the Census.

    Parameters
    ----------
    tissue
        ``tissue_general`` names, e.g. ``("breast",)``.
    disease, assay
        Names as the Census spells them; all when empty.
    organism
        ``Homo sapiens`` or ``Mus musculus``.
    version
        Release, e.g. ``2025-11-08`` or ``stable``; the one resolved is kept with the cells.
    uri
        A Census elsewhere than the public one, e.g. a local copy.

    Examples
    --------
    >>> CensusQuery(tissue=("breast",), disease=("normal",)).organism
    'Homo sapiens'
    """

    tissue: tuple[str, ...]
    disease: tuple[str, ...] = ()
    assay: tuple[str, ...] = ()
    organism: str = _HUMAN
    version: str = "stable"
    uri: str | None = None

    def __post_init__(self) -> None:
        if not self.tissue:
            raise InputError("a Census query needs a tissue", expected='e.g. tissue=("breast",)')

    @property
    def value_filter(self) -> str:
        """The query in the Census's own words; primary copies of cells alone."""
        parts = ["is_primary_data == True"]
        for column, names in (
            ("tissue_general", self.tissue),
            ("disease", self.disease),
            ("assay", self.assay),
        ):
            if names:
                parts.append(f"{column} in {list(names)!r}")
        return " and ".join(parts)


def cells_from_census(
    query: CensusQuery,
    *,
    per_type: int,
    type_map: TypeMap | None = None,
    rng: int | np.random.Generator = 0,
) -> CellBank:
    """Return at most ``per_type`` cells of each type, one data set of the bank per Census data set.

    Descriptions of all matching cells are read first; counts only of the cells drawn, one data
    set after the other.

    Parameters
    ----------
    query
        See `CensusQuery`.
    per_type
        At most so many cells of a (mapped) type, over all data sets.
    type_map
        Census cell types to the bank's; kept as they are when absent.
    rng
        Draws the cells.

    Raises
    ------
    MissingDependencyError
        cellxgene-census is not installed.
    InputError
        The Census cannot be reached, no cell matches, or labels are outside the map.

    Examples
    --------
    >>> query = sr.cells.CensusQuery(tissue=("breast",))
    >>> cells = sr.cells_from_census(query, per_type=500)  # doctest: +SKIP
    """
    with _open(query) as census:
        experiment = census["census_data"][query.organism.lower().replace(" ", "_")]
        found = _describe(experiment, query)
        labels, _ = clean_labels(found["cell_type"], "the Census")
        found, labels = found[labels != ""].copy(), labels[labels != ""]
        kinds = type_map or identity(np.unique(labels))
        found["mapped"] = kinds.apply(labels, source="the Census")
        drawn = _draw(found[found["mapped"] != ""], per_type, np.random.default_rng(rng))
        version = _version(census, query)
        banks = []
        groups = list(drawn.groupby("dataset_id", sort=True))
        for dataset, rows in track(groups, label="census", total=len(groups)):
            adata = _read(census, query, np.sort(rows["soma_joinid"].to_numpy()).tolist())
            bank = cells_from_anndata(
                adata,
                dataset=str(dataset),
                donor_column="donor_id",
                gene_column="feature_name",
                type_map=kinds,
                source=f"CELLxGENE Census {version}: {query.value_filter}",
                citation="CZI Cell Science Program, CZ CELLxGENE Discover, NAR 2025",
            )
            banks.append(bank)
    return join_cells(banks)


def _open(query: CensusQuery) -> Any:
    try:
        import cellxgene_census
    except ImportError as error:
        raise MissingDependencyError(
            "cellxgene-census", extra="census", needed_for="reading the CELLxGENE Census"
        ) from error
    try:
        return cellxgene_census.open_soma(
            census_version=None if query.uri else query.version, uri=query.uri
        )
    except Exception as error:
        raise InputError(
            "the CELLxGENE Census cannot be reached",
            expected=query.uri or f"release {query.version!r} of the public Census, by network",
            got=f"{type(error).__name__}: {error}",
            fix="check the network, or give --census-uri with a local copy; a bank that was built "
            "once needs neither",
        ) from error


def _describe(experiment: Any, query: CensusQuery) -> pd.DataFrame:
    table = experiment.obs.read(value_filter=query.value_filter, column_names=_COLUMNS)
    found = table.concat().to_pandas()
    if found.empty:
        known = experiment.obs.read(column_names=["tissue_general"]).concat().to_pandas()
        raise InputError(
            "no cell of the Census matches",
            expected=f"tissues such as {listing(sorted(known['tissue_general'].unique()), 30)}",
            got=query.value_filter,
        )
    return found


def _draw(found: pd.DataFrame, per_type: int, rng: np.random.Generator) -> pd.DataFrame:
    chosen: list[np.ndarray] = []
    ordered = found.sort_values("soma_joinid").reset_index(drop=True)
    for _, rows in ordered.groupby("mapped", sort=True):
        index = rows.index.to_numpy()
        if len(index) > per_type:
            index = rng.choice(index, per_type, replace=False)
        chosen.append(index)
    return ordered.loc[np.sort(np.concatenate(chosen))]


def _read(census: Any, query: CensusQuery, joinids: Sequence[int]) -> Any:
    import cellxgene_census

    adata = cellxgene_census.get_anndata(
        census,
        organism=query.organism,
        obs_coords=list(map(int, joinids)),
        obs_column_names=_COLUMNS,
        var_column_names=["feature_name", "feature_id"],
    )
    adata.obs_names = adata.obs["soma_joinid"].astype(str)
    return adata


def _version(census: Any, query: CensusQuery) -> str:
    table = census["census_info"]["summary"].read().concat().to_pandas()
    stated = dict(zip(table["label"], table["value"], strict=True))
    return str(stated.get("census_build_date", query.version))
