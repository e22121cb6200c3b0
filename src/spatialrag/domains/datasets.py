"""Readers of the paper's data sets as their users find them, annotations joined by name."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from spatialrag import keys
from spatialrag.anndata_file import read_anndata
from spatialrag.domains.prepare import COUNTS
from spatialrag.domains.recipes import recipe
from spatialrag.errors import InputError, listing
from spatialrag.expression.visium import read_visium
from spatialrag.tables.table import read_table

TRUTH = "annotation"  # obs: missing where a spot has none
# Columns known to hold domains, in the order they are looked for.
_COLUMNS = ("layer_guess", "fine_annot_type", "ground_truth", "annotation", "label", "layer")
_ABSENT = ("", "nan", "NA", "unlabelled", "unlabeled", "None")


def read_dataset(path: str | Path, *, name: str) -> ad.AnnData:
    """Return a data set with counts in ``layers['counts']`` and ``obs['annotation']``.

    All spots are kept; those without an annotation have a missing one, so that methods see them
    and scores leave them out.

    Parameters
    ----------
    path
        DLPFC and Visium: a Space Ranger folder with ``metadata.tsv`` or ``*truth.txt`` beside the
        matrix. Stereo-seq and STARmap: an h5ad file.
    name
        One of `spatialrag.domains.recipes.RECIPES`.

    Raises
    ------
    InputError
        An unknown name, files that are missing, no annotation, or one that matches no spot.

    Examples
    --------
    >>> adata = read_dataset("starmap_mvc.h5ad", name="mouse_visual_cortex")  # doctest: +SKIP
    """
    kind = recipe(name).kind
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    found = _from_h5ad(path) if kind in ("stereo_seq", "starmap") else _from_folder(path)
    labels = found.obs[TRUTH].astype("object")
    absent = pd.isna(labels) | labels.astype(str).isin(_ABSENT)
    found.obs[TRUTH] = pd.Categorical(labels.where(~absent))
    found.uns["dataset"] = name
    return found


def _from_folder(folder: Path) -> ad.AnnData:
    section = read_visium(folder)
    found = ad.AnnData(section.expression, obs=pd.DataFrame(index=section.spots))
    found.var_names = section.genes
    found.obsm[keys.SPATIAL] = section.xy
    found.layers[COUNTS] = section.expression.copy()
    annotation = _annotation(folder)
    shared = annotation.index.intersection(found.obs_names)
    if not len(shared):
        raise InputError(
            f"no annotated barcode is among the spots of {folder.name}",
            expected=listing(found.obs_names[:3]),
            got=listing(annotation.index[:3]),
        )
    found.obs[TRUTH] = annotation.reindex(found.obs_names).to_numpy(object)
    return found


def _annotation(folder: Path) -> pd.Series:
    """Return annotations by barcode."""
    if (folder / "metadata.tsv").is_file():
        table = read_table(folder / "metadata.tsv", as_text=True).named().frame
        return table[_column(table, folder / "metadata.tsv")]
    truths = sorted(folder.glob("*truth.txt"))
    if len(truths) != 1:
        raise InputError(
            f"{folder} has no annotation",
            expected="metadata.tsv, or one *truth.txt with barcode and domain",
            got=f"{len(truths)} files *truth.txt",
        )
    table = read_table(truths[0], header=False, as_text=True)
    table.require(["1"], purpose="barcode, then domain, without a header")
    return table.named().frame["1"]


def _from_h5ad(path: Path) -> ad.AnnData:
    found = read_anndata(path)
    if keys.SPATIAL not in found.obsm:
        if not {"X", "Y"} <= set(found.obs):
            raise InputError(
                f"{path.name} has no places of spots",
                expected="obsm['spatial'], or columns X and Y in obs",
            )
        found.obsm[keys.SPATIAL] = found.obs[["X", "Y"]].to_numpy(float)
    # Stereo-seq files keep counts in a layer "count" and something scaled in X.
    layer = next((name for name in (COUNTS, "count") if name in found.layers), None)
    counts = found.X if layer is None else found.layers[layer]
    found.layers[COUNTS] = sparse.csr_matrix(counts, dtype=np.float32)
    found.obs[TRUTH] = found.obs[_column(found.obs, path)].to_numpy(object)
    return found


def _column(table: pd.DataFrame, path: Path) -> str:
    known = [name for name in _COLUMNS if name in table]
    if not known:
        raise InputError(
            f"{path.name} has no annotation",
            expected=f"a column {', '.join(_COLUMNS)}",
            got=listing(table.columns),
        )
    return known[0]
