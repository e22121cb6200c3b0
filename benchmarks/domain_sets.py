"""Annotated tissues for `benchmarks/domains.py`: where they lie, how many domains, which genes."""

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from spatialrag.domains.prepare import prepare
from spatialrag.domains.tissue import Tissue
from spatialrag.expression.her2st import read_her2st_section

MOUSE, HUMAN = "genes/mouse_via_ortholog.tsv.gz", "genes/human_gene_summary.tsv.gz"
FILES = {
    "starmap": "starmap_visual_1k",
    "bz5": "starmap_mpfc_BZ5",
    "bz9": "starmap_mpfc_BZ9",
    "rep12": "mob_rep12_layers",
    "dlpfc_151675": "dlpfc_151675",
}
BULBS = ("Rep1", "Rep2", "Rep4", "Rep11", "Rep12")
LABELLED = ("A1", "B1", "C1", "D1")
NO_LABEL = ("unlabelled", "undetermined", "nan", "None", "")


@dataclass(frozen=True, eq=False)
class AnnotatedTissue:
    tissue: Tissue
    truth: np.ndarray
    summaries: Path

    @property
    def n_domains(self):
        return len(set(self.truth.astype(str)) - set(NO_LABEL))


def load(name, data, n_genes=3000):
    """Return the set of that name.

    starmap, bz5, bz9, bz5+bz9, rep12, dlpfc_151675, a layered section of the mouse bulb
    (mob_mice/Rep1, …), or a HER2ST section.
    """
    if name in LABELLED:
        return _her2st(name, data)
    if "+" in name:
        names = name.split("+")
        return _joined([_one(part, data) for part in names], names, data)
    adata = _one(name, data, n_genes)
    truth = adata.obs["layer"].to_numpy(object)
    return AnnotatedTissue(Tissue.from_anndata(adata), truth, data / MOUSE)


def _one(name, data, n_genes=3000):
    folder, _, section = name.rpartition("/")
    path = f"{folder}/{section}.h5ad" if section in BULBS else f"domains/{FILES[name]}.h5ad"
    return prepare(ad.read_h5ad(data / path), n_genes=n_genes)


def _joined(parts, names, data):
    both = ad.concat(parts, keys=names, label="section", index_unique="-", join="inner")
    tissue = Tissue.from_anndata(both, section_key="section")
    return AnnotatedTissue(tissue, both.obs["layer"].to_numpy(object), data / MOUSE)


def _her2st(name, data):
    section = read_her2st_section(data / "her2st", name)
    adata = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    adata.obs_names, adata.var_names = section.spots, section.genes
    labels = pd.read_csv(
        data / "her2st/data/ST-pat/lbl" / f"{name}_labeled_coordinates.tsv", sep="\t"
    ).dropna(subset=["x", "y"])
    # Their coordinates are fractions near the whole numbers in spots' names.
    spots = [f"{round(x)}x{round(y)}" for x, y in zip(labels["x"], labels["y"], strict=True)]
    by_spot = pd.Series(labels["label"].to_numpy(object), index=spots)
    by_spot = by_spot[~by_spot.index.duplicated()]
    adata = prepare(adata, n_genes=1000)
    truth = by_spot.reindex(adata.obs_names).to_numpy(object)
    truth = np.where(pd.isna(truth), "", truth)
    return AnnotatedTissue(Tissue.from_anndata(adata), truth, data / HUMAN)
