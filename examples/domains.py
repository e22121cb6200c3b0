"""From counts to spatial domains, beside their control, on the toy tissue."""

from tempfile import TemporaryDirectory

import anndata as ad

import spatialrag as sr
from spatialrag.domains.controls import SmoothedPCA
from spatialrag.toy import ToyTissue


def main():
    with TemporaryDirectory() as folder:
        small = ToyTissue(n_sections=1, n_donors=1, n_genes=300, columns=12, rows=12)
        section = sr.read_cohort(sr.make_toy(folder, settings=small))[0]
    raw = ad.AnnData(section.expression, obsm={"spatial": section.xy})
    raw.var_names, raw.obs_names = section.genes, section.spots

    adata = sr.pp.prepare_domains(raw, n_genes=None)
    sr.tl.semst(adata, n_domains=4)
    control = SmoothedPCA(k=6).fit_predict(adata, n_domains=4)
    sizes = adata.obs["domain_semst"].value_counts().to_dict()
    print(f"SemST: {sizes}; averaged components: {control.sizes}")
    return adata


if __name__ == "__main__":
    main()
