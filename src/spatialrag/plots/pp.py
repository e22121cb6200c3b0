"""Preparation on AnnData: patch embeddings into ``obsm``, spots and genes for domains."""

from pathlib import Path

import anndata as ad

from spatialrag import keys
from spatialrag.domains.prepare import prepare as prepare_domains
from spatialrag.encoders.embed import CONTEXT, embed as embed_spots
from spatialrag.encoders.encoder import Encoder
from spatialrag.errors import InputError
from spatialrag.slides.mpp import derive_mpp
from spatialrag.slides.pixel_size import PixelSize
from spatialrag.slides.spots import Spots

__all__ = ["embed", "prepare_domains", "spots_of"]


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
) -> None:
    """Embed the spots of an AnnData; vectors go to ``obsm['X_<encoder>']``.

    Parameters
    ----------
    adata
        With spot centres in ``obsm['spatial']``, pixels of ``image``.
    slide, image
        Name and H&E file.
    mpp, pitch_um
        µm per pixel; or the distance between neighboring spots, µm, from which it is derived.
    encoder, patch_um, context, cache
        As in `spatialrag.embed`.
    """
    vectors = embed_spots(
        spots_of(adata, slide=slide, image=image, mpp=mpp, pitch_um=pitch_um),
        encoder=encoder,
        patch_um=patch_um,
        context=context,
        cache=cache,
    )
    adata.obsm[keys.embedding_key(vectors.encoder.name)] = vectors.vectors


def spots_of(
    adata: ad.AnnData,
    *,
    slide: str,
    image: str | Path | None,
    mpp: float | None,
    pitch_um: float | None = None,
) -> Spots:
    """Return an AnnData's spots, parameters as in `embed`; its expression is not read."""
    if keys.SPATIAL not in adata.obsm:
        raise InputError(
            "the AnnData has no positions", expected="spot centres in obsm['spatial'], pixels"
        )
    xy, pixel = adata.obsm[keys.SPATIAL], None
    if mpp is not None:
        pixel = PixelSize(float(mpp), "given")
    elif pitch_um is not None:
        pixel = derive_mpp(xy, pitch_um=pitch_um)
    path = None if image is None else Path(image)
    mpp, source = (None, "unknown") if pixel is None else (pixel.mpp, pixel.source)
    return Spots(slide, adata.obs_names.to_numpy(), xy, path, mpp, source)
