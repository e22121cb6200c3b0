"""Tools on AnnData: predicted expression, spatial domains."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np

from spatialrag import keys
from spatialrag.bank.bank import Bank
from spatialrag.domains.domains import Domains
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.encoders.embed import check_encoder, embed as embed_spots
from spatialrag.encoders.encoder import Encoder
from spatialrag.plots.pp import spots_of
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Predictor
from spatialrag.semantics.specification import semantics_of
from spatialrag.semantics.spots import Semantics

if TYPE_CHECKING:
    from spatialrag.domains.semst.semst import SemST


def predict(
    adata: ad.AnnData,
    bank: Bank,
    *,
    slide: str,
    image: str | Path,
    encoder: str | Encoder,
    mpp: float | None = None,
    pitch_um: float | None = None,
    method: Predictor | None = None,
    key_added: str = "predicted",
) -> Prediction:
    """Predict the expression of an AnnData's spots from a bank.

    Genes the AnnData has go to ``layers[key_added]`` (its measured ``X`` is neither read nor
    changed; NaN where nothing is predicted), the layer's scale and origin to
    ``uns['spatialrag']['layers'][key_added]``, so that nothing takes them for those of ``X``. All
    genes are in the returned prediction; `spatialrag.prediction.store.to_anndata` makes an AnnData
    of it.

    Parameters
    ----------
    adata, slide, image, encoder, mpp, pitch_um
        As in `spatialrag.pp.embed`; the encoder must be the bank's.
    bank
        References.
    method
        `GeneRAG` with its defaults when not given.
    key_added
        Layer to write.
    """
    bank.require_embeddings()
    made = check_encoder(encoder, bank.encoder)
    queries = embed_spots(
        spots_of(adata, slide=slide, image=image, mpp=mpp, pitch_um=pitch_um),
        encoder=made,
        patch_um=bank.encoder.patch_um,
        context=bank.encoder.context,
    )
    prediction = (method or GeneRAG()).fit(bank).predict(queries)
    adata.layers[key_added] = prediction.of_genes(adata.var_names.to_numpy(str)).astype(np.float32)
    record = {"scale": prediction.scale, "slide": slide, "origin": json.dumps(prediction.record)}
    keys.write_record(adata, record, layer=key_added)
    return prediction


def semst(
    adata: ad.AnnData,
    *,
    n_domains: int | None,
    semantics: Semantics | str | None = None,
    method: "SemST | None" = None,
    layer: str | None = None,
    section_key: str | None = None,
    key_added: str = "semst",
) -> Domains:
    """Find spatial domains of an AnnData's spots.

    Written: ``obs['domain_<key_added>']`` with colors, ``obsm['X_<key_added>']``, graphs in
    ``obsp``, settings and origin in ``uns``.

    Parameters
    ----------
    adata
        Counts, or a prediction of this package, and places in ``obsm['spatial']``;
        `spatialrag.pp.prepare_domains` makes it from a raw file. Genes that a prediction leaves
        missing in some spot are left out.
    n_domains
        K; chosen by stability when None.
    semantics
        As `SemST.fit_predict` takes them, or a specification of
        `spatialrag.semantics.specification.semantics_of`.
    method
        Settings, the defaults when absent; by `SemST.for_scale` for the scale of the expression.
    layer, section_key
        As in `Tissue.from_anndata`.
    key_added
        Name of what is written.
    """
    from spatialrag.domains.semst.semst import SemST

    tissue = Tissue.from_anndata(adata, layer=layer, section_key=section_key)
    if isinstance(semantics, str):
        semantics = semantics_of(semantics, tissue.genes)
    settings = SemST() if method is None else method
    found = settings.for_scale(tissue.scale).fit_predict(
        tissue, n_domains=n_domains, semantics=semantics
    )
    to_anndata(found, adata, key=key_added)
    return found
