"""Preparation of AnnData, in place: patch embeddings, spots and genes for domains."""

from pathlib import Path

import anndata as ad

from spatialrag import keys
from spatialrag.domains.prepare import prepare
from spatialrag.encoders.embedding import CONTEXT, embed as embed_spots
from spatialrag.encoders.encoder import Encoder
from spatialrag.errors import InputError
from spatialrag.expression.normalize import Scale
from spatialrag.expression.pixel_size import choose_size, known_sizes, look_at
from spatialrag.slides.spots import Spots

__all__ = ["embed", "prepare_domains"]


def embed(
    adata: ad.AnnData,
    *,
    slide: str,
    image: str | Path,
    mpp: float | None = None,
    pitch_um: float | None = None,
    encoder: str | Encoder = "color",
    patch_um: float | None = None,
    context: int = CONTEXT,
    cache: str | Path | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    """Embed the spots of an AnnData; vectors go to ``obsm['X_<encoder>']``.

    Parameters
    ----------
    adata
        With spot centres in ``obsm['spatial']``, pixels of ``image``.
    slide, image
        Name and H&E file.
    mpp, pitch_um
        µm per pixel; or the distance between neighboring spots, µm, from which it is derived.
        What the image states must agree.
    encoder, patch_um, context, cache
        As in `spatialrag.embed`.
    copy
        Whether a copy is changed and returned instead.

    Raises
    ------
    InputError
        No positions, pixel sizes that disagree, spots that have no vector, and what
        `spatialrag.embed` refuses.

    Examples
    --------
    >>> sr.pp.embed(adata, slide="toy4", image=image, mpp=1.0)
    >>> adata.obsm["X_color"].shape
    (56, 308)
    """
    spots = spots_of(adata, slide=slide, image=image, mpp=mpp, pitch_um=pitch_um)
    found = embed_spots(spots, encoder=encoder, patch_um=patch_um, context=context, cache=cache)
    if len(found.spots) != adata.n_obs:
        raise InputError(
            f"{adata.n_obs - len(found.spots)} spots have no vector",
            expected="a vector for every row of the AnnData",
            fix="leave these spots out first",
        )
    changed = adata.copy() if copy else adata
    changed.obsm[keys.embedding_key(found.encoder.name)] = found.vectors
    return changed if copy else None


def prepare_domains(
    adata: ad.AnnData,
    *,
    layer: str | None = None,
    section_key: str | None = None,
    scale: Scale | None = None,
    n_genes: int | None = 3000,
    min_spots: int = 10,
) -> ad.AnnData:
    """Return what domains are found in: other spots and genes than the file has, so a new AnnData.

    Parameters are those of `spatialrag.domains.prepare`.

    Examples
    --------
    >>> ready = sr.pp.prepare_domains(adata, n_genes=200)
    >>> ready.n_obs, "spatialrag" in ready.uns
    (56, True)
    """
    return prepare(
        adata,
        layer=layer,
        section_key=section_key,
        scale=scale,
        n_genes=n_genes,
        min_spots=min_spots,
    )


def spots_of(
    adata: ad.AnnData,
    *,
    slide: str,
    image: str | Path | None,
    mpp: float | None,
    pitch_um: float | None = None,
) -> Spots:
    """Return an AnnData's spots, parameters as in `embed`; its expression is not read.

    Examples
    --------
    >>> sr.pp.spots_of(adata, slide="toy4", image=image, mpp=1.0).slide
    'toy4'
    """
    if keys.SPATIAL not in adata.obsm:
        raise InputError(
            "the AnnData has no positions", expected="spot centres in obsm['spatial'], pixels"
        )
    xy, picture = adata.obsm[keys.SPATIAL], look_at(image)
    known = known_sizes(mpp=mpp, picture=picture, xy=xy, pitch_um=pitch_um, stated=())
    pixel, _ = choose_size(known, slide=slide)
    size, source = (None, "unknown") if pixel is None else (pixel.mpp, pixel.source)
    return Spots(slide, adata.obs_names.to_numpy(), xy, picture.path, size, source)
