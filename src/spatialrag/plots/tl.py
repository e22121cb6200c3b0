"""Tools on AnnData: predicted expression."""

from pathlib import Path

import anndata as ad
import numpy as np

from spatialrag import keys
from spatialrag.bank.bank import Bank
from spatialrag.encoders.embed import check_encoder
from spatialrag.encoders.embed import embed as embed_spots
from spatialrag.encoders.encoder import Encoder
from spatialrag.plots.pp import spots_of
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.prediction import Prediction
from spatialrag.prediction.predictor import Predictor


def predict(
    adata: ad.AnnData,
    bank: Bank,
    *,
    slide: str,
    image: str | Path,
    mpp: float,
    encoder: str | Encoder,
    method: Predictor | None = None,
    key_added: str = "predicted",
) -> Prediction:
    """Predict the expression of an AnnData's spots from a bank.

    Genes the AnnData has go to ``layers[key_added]`` (its measured ``X`` is neither read nor
    changed; NaN where nothing is predicted), the record to ``uns['spatialrag']``. All genes are in
    the returned prediction; `spatialrag.prediction.store.to_anndata` makes an AnnData of it.

    Parameters
    ----------
    adata, slide, image, mpp, encoder
        As in `spatialrag.pp.embed`; the encoder must be the bank's.
    bank
        References.
    method
        `GeneRAG` with its defaults when not given.
    key_added
        Layer to write.
    """
    bank.require_embeddings()
    check_encoder(encoder, bank.encoder)
    queries = embed_spots(
        spots_of(adata, slide=slide, image=image, mpp=mpp),
        encoder=encoder,
        patch_um=bank.encoder.patch_um,
        context=bank.encoder.context,
    )
    prediction = (method or GeneRAG()).fit(bank).predict(queries)
    adata.layers[key_added] = prediction.of_genes(adata.var_names.to_numpy(str)).astype(np.float32)
    adata.uns[keys.RECORD] = {"layer": key_added, "scale": prediction.scale, "slide": slide}
    return prediction
