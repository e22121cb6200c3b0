"""Tools on AnnData, in place: predicted expression, spatial domains."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np

from spatialrag import keys
from spatialrag.bank.bank import Bank
from spatialrag.cells.cell_bank import CellBank
from spatialrag.domains.domains import DomainMethod
from spatialrag.domains.store import to_anndata
from spatialrag.domains.tissue import Tissue
from spatialrag.encoders.encoder import Encoder
from spatialrag.expression.proportions import Proportions
from spatialrag.jobs.domain_methods import DEFAULT, annotate_domains
from spatialrag.jobs.generag import Retrieval
from spatialrag.jobs.prediction import PredictRequest, predict as run
from spatialrag.jobs.queries import QuerySlide
from spatialrag.pp import spots_of
from spatialrag.prediction.predictor import Predictor
from spatialrag.prediction.store import attach
from spatialrag.semantics.specification import semantics_of
from spatialrag.semantics.spots import Semantics

if TYPE_CHECKING:
    from spatialrag.domains.semst.semst import SemST

__all__ = ["domains", "predict", "ragst", "semst"]


def predict(
    adata: ad.AnnData,
    bank: Bank | Path,
    *,
    slide: str,
    image: str | Path,
    encoder: str | Encoder,
    mpp: float | None = None,
    pitch_um: float | None = None,
    method: Predictor | None = None,
    allow_self: bool = False,
    removed: int = 0,
    cache: str | Path | None = None,
    key_added: str = "predicted",
    copy: bool = False,
) -> ad.AnnData | None:
    """Predict the expression of an AnnData's spots from a bank.

    Genes the AnnData has go to ``layers[key_added]`` (its measured ``X`` is neither read nor
    changed; NaN where nothing is predicted), the layer's scale and origin to
    ``uns['spatialrag']['layers'][key_added]``, so that nothing takes them for those of ``X``. All
    genes, the citations and the pictures are kept as well: `spatialrag.prediction_of` returns
    them.

    Parameters
    ----------
    adata, slide, image, encoder, mpp, pitch_um
        As in `spatialrag.pp.embed`; the encoder must be the bank's.
    bank
        References, in memory or on disk.
    method
        `GeneRAG` with its defaults when not given.
    allow_self
        Predict a slide that the bank holds under another name from itself. Of its own name it is
        left out of the bank.
    removed
        For each spot, how many of its strongest references are left out one at a time, so that
        `spatialrag.explain` tells what each changes.
    cache
        Folder that keeps embeddings by content.
    key_added
        Layer to write.
    copy
        Whether a copy is changed and returned instead.

    Raises
    ------
    InputError
        What `spatialrag predict` refuses, and spots that are not predicted.

    Examples
    --------
    >>> sr.tl.predict(
    ...     adata, bank, slide="toy4", image=image, mpp=1.0, encoder="color", method=method
    ... )
    >>> adata.layers["predicted"].shape == adata.shape
    True
    >>> int(sr.prediction_of(adata).citations.n_active.min()) > 0
    True
    """
    spots = spots_of(adata, slide=slide, image=image, mpp=mpp, pitch_um=pitch_um)
    request = PredictRequest(
        bank,
        QuerySlide(slide, spots=spots),
        method=method or Retrieval(),
        encoder=encoder,
        allow_self=allow_self,
        removed=removed,
        cache=None if cache is None else Path(cache),
    )
    prediction = run(request).prediction
    changed = adata.copy() if copy else adata
    values = prediction.values_of(adata.var_names.to_numpy(str))
    layer = np.full(adata.shape, np.nan, np.float32)
    layer[adata.obs_names.get_indexer(prediction.spots)] = values
    changed.layers[key_added] = layer
    record = {"scale": prediction.scale, "slide": slide, "origin": json.dumps(prediction.record)}
    keys.write_record(changed, record, layer=key_added)
    attach(prediction, changed, key=key_added)
    return changed if copy else None


def ragst(
    adata: ad.AnnData,
    bank: Bank | Path,
    cells: CellBank,
    *,
    slide: str,
    image: str | Path,
    encoder: str | Encoder,
    mpp: float | None = None,
    pitch_um: float | None = None,
    proportions: Proportions | None = None,
    cache: str | Path | None = None,
    key_added: str = "ragst",
    copy: bool = False,
) -> ad.AnnData | None:
    """Predict the expression of an AnnData's spots by RAG-ST, which cites cells.

    Both stages are trained on the bank first; `spatialrag ragst fit` keeps what is trained.

    Parameters
    ----------
    adata, bank, slide, image, encoder, mpp, pitch_um, cache, key_added, copy
        As in `predict`.
    cells
        Single-cell references.
    proportions
        Cell-type proportions of the bank's spots; deconvolved from their counts when absent.

    Raises
    ------
    InputError
        What `spatialrag ragst` refuses.
    MissingDependencyError
        torch is not installed.

    Examples
    --------
    >>> sr.tl.ragst(adata, bank, cells, slide="toy4", image=image, mpp=1.0, encoder="color")
    >>> adata.layers["ragst"].shape == adata.shape
    True
    """
    from spatialrag.prediction.ragst.ragst import RAGST

    return predict(
        adata,
        bank,
        slide=slide,
        image=image,
        encoder=encoder,
        mpp=mpp,
        pitch_um=pitch_um,
        method=RAGST(cells, proportions),
        cache=cache,
        key_added=key_added,
        copy=copy,
    )


def domains(
    adata: ad.AnnData,
    *,
    n_domains: int | None = None,
    method: DomainMethod | str = DEFAULT,
    layer: str | None = None,
    section_key: str | None = None,
    seed: int = 0,
    key_added: str | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    """Find spatial domains of an AnnData's spots, by the consensus of many partitions by default.

    Written: ``obs['domain_<key>']`` with colors, ``obs['domain_confidence']`` where the method
    has it, ``obsm['X_<key>']``, settings and origin in ``uns``.

    Parameters
    ----------
    adata
        Counts, or a prediction of this package, and places in ``obsm['spatial']``;
        `spatialrag.pp.prepare_domains` makes it from a raw file. Genes that a prediction leaves
        missing in some spot are left out.
    n_domains
        K; chosen by stability when None.
    method
        Settings of a method, or its name, as `spatialrag methods list` tells.
    layer, section_key
        As in `Tissue.from_anndata`.
    seed
        Seed of a method that is named.
    key_added
        Name of what is written; that of the method when None, ``domains`` for settings.
    copy
        Whether a copy is changed and returned instead.

    Raises
    ------
    InputError
        An unknown method, and what tissue and method refuse.

    Examples
    --------
    >>> sr.tl.domains(adata, n_domains=3)
    >>> adata.obs["domain_consensus"].nunique()
    3
    """
    changed = adata.copy() if copy else adata
    annotate_domains(
        changed,
        n_domains=n_domains,
        method=method,
        layer=layer,
        section_key=section_key,
        seed=seed,
        key_added=key_added,
    )
    return changed if copy else None


def semst(
    adata: ad.AnnData,
    *,
    n_domains: int | None,
    semantics: Semantics | str | None = None,
    method: "SemST | None" = None,
    layer: str | None = None,
    section_key: str | None = None,
    key_added: str = "semst",
    copy: bool = False,
) -> ad.AnnData | None:
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
    copy
        Whether a copy is changed and returned instead.

    Examples
    --------
    >>> from spatialrag.training.graph import Training
    >>> sr.tl.semst(adata, n_domains=3, method=sr.SemST(training=Training(epochs=2)))
    >>> adata.obsm["X_semst"].shape[0]
    56
    """
    from spatialrag.domains.semst.semst import SemST

    tissue = Tissue.from_anndata(adata, layer=layer, section_key=section_key)
    if isinstance(semantics, str):
        semantics = semantics_of(semantics, tissue.genes)
    settings = SemST() if method is None else method
    found = settings.for_scale(tissue.scale).fit_predict(
        tissue, n_domains=n_domains, semantics=semantics
    )
    changed = adata.copy() if copy else adata
    to_anndata(found, changed, key=key_added)
    return changed if copy else None
