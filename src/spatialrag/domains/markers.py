"""What sets domains apart: marker genes, and gene sets among them."""

from pathlib import Path
from typing import Literal, get_args

import anndata as ad
import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from spatialrag.domains.tissue import Tissue
from spatialrag.errors import InputError, MissingDependencyError, check_choice

Test = Literal["wilcoxon", "t-test", "t-test_overestim_var"]
TESTS = get_args(Test)


def domain_markers(
    tissue: Tissue, labels: np.ndarray, *, test: Test = "wilcoxon", n_genes: int = 50
) -> pd.DataFrame:
    """Return the genes that tell each domain from all others, by scanpy's rank tests.

    Domains were found from the same expression, so p-values are too small: they rank genes, and
    prove nothing.

    Parameters
    ----------
    tissue
        Spots; log expression is tested.
    labels : (n_spots,)
        Domain of each spot; domains of one spot are left out.
    test
        ``wilcoxon``, ``t-test`` or ``t-test_overestim_var``.
    n_genes
        Per domain.

    Returns
    -------
    DataFrame
        ``domain``, ``gene``, ``score``, ``log_fold_change``, ``p_adjusted``.

    Raises
    ------
    InputError
        An unknown test, or fewer than two domains with two spots.

    Examples
    --------
    >>> found = domain_markers(tissue, regions, n_genes=5)
    >>> found.columns[:2].tolist()
    ['domain', 'gene']
    """
    check_choice(test, TESTS, name="test")
    try:
        import scanpy as sc
    except ImportError as error:
        raise MissingDependencyError("scanpy", extra="domains", needed_for="markers") from error
    labels = np.asarray(labels).astype(str)
    names, counts = np.unique(labels, return_counts=True)
    kept = [str(name) for name in names[counts > 1]]
    if len(kept) < 2:
        raise InputError(
            "markers need two domains with two spots each", got=f"{len(kept)} such domains"
        )
    adata = ad.AnnData(
        tissue.logs,
        obs=pd.DataFrame({"domain": pd.Categorical(labels)}, index=tissue.spots),
        var=pd.DataFrame(index=tissue.genes),
    )
    adata.uns["log1p"] = {"base": None}
    sc.tl.rank_genes_groups(adata, "domain", groups=kept, method=test, n_genes=n_genes)
    found = sc.get.rank_genes_groups_df(adata, group=kept)
    columns = {
        "group": "domain",
        "names": "gene",
        "scores": "score",
        "logfoldchanges": "log_fold_change",
        "pvals_adj": "p_adjusted",
    }
    return found.rename(columns=columns)[list(columns.values())]


def read_gene_sets(path: str | Path) -> dict[str, frozenset[str]]:
    r"""Return gene sets of a GMT file, symbols in upper case.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("sets.gmt").write_text("LUMINAL\tsource\tESR1\tGATA3\n")
    >>> sorted(read_gene_sets("sets.gmt")["LUMINAL"])
    ['ESR1', 'GATA3']
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist")
    rows = [line.split("\t") for line in path.read_text().splitlines() if line.strip()]
    if any(len(row) < 3 for row in rows):
        raise InputError(
            f"{path.name} is no GMT file", expected="name, description, genes; separated by tabs"
        )
    return {row[0]: frozenset(gene.upper() for gene in row[2:] if gene) for row in rows}


def set_enrichment(
    markers: pd.DataFrame, sets: dict[str, frozenset[str]], background: np.ndarray
) -> pd.DataFrame:
    """Return which gene sets are frequent among each domain's markers.

    Hypergeometric test against the genes that could have been markers; Benjamini-Hochberg over
    all domains and sets.

    Parameters
    ----------
    markers
        From `domain_markers`; those with a positive score count.
    sets
        Symbols in upper case, from `read_gene_sets`.
    background
        All genes that were tested.

    Returns
    -------
    DataFrame
        ``domain``, ``gene_set``, ``n_shared``, ``n_markers``, ``n_set``, ``p``, ``p_adjusted``,
        ``genes``; the most significant first.

    Examples
    --------
    >>> told = {"domain": ["1"] * 2, "gene": ["ESR1", "GATA3"], "score": [3.0, 2.0]}
    >>> markers = pd.DataFrame(told)
    >>> sets = {"LUMINAL": frozenset({"ESR1", "GATA3"})}
    >>> found = set_enrichment(markers, sets, np.array(["ESR1", "GATA3", "ACTB", "VIM"]))
    >>> len(found)
    1
    """
    universe = {str(gene).upper() for gene in background}
    rows = []
    for domain, part in markers[markers["score"] > 0].groupby("domain", sort=False, observed=True):
        chosen = {str(gene).upper() for gene in part["gene"]} & universe
        for name, genes in sets.items():
            known = genes & universe
            shared = chosen & known
            p = hypergeom.sf(len(shared) - 1, len(universe), len(known), len(chosen))
            rows.append(
                {
                    "domain": domain,
                    "gene_set": name,
                    "n_shared": len(shared),
                    "n_markers": len(chosen),
                    "n_set": len(known),
                    "p": float(p),
                    "genes": ", ".join(sorted(shared)),
                }
            )
    found = pd.DataFrame(rows)
    if found.empty:
        return found
    found.insert(6, "p_adjusted", false_discovery_control(found["p"].clip(upper=1)))
    return found.sort_values("p", kind="stable").reset_index(drop=True)
