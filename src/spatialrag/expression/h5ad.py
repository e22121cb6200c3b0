"""h5ad files with spot centres in ``obsm['spatial']`` (HEST, scanpy, squidpy, CELLxGENE)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

from spatialrag import keys
from spatialrag.anndata_file import read_anndata
from spatialrag.errors import InputError, listing
from spatialrag.expression.gene_names import choose_genes
from spatialrag.expression.in_tissue import in_tissue
from spatialrag.expression.library import Selection, libraries_of, select_library
from spatialrag.expression.matrices import advise, choose_matrix, refuse_prediction
from spatialrag.expression.normalize import Scale, check_scale
from spatialrag.expression.options import describe
from spatialrag.expression.places import places_of
from spatialrag.expression.section import Section
from spatialrag.expression.values import as_matrix, check_values
from spatialrag.names import name_of_file
from spatialrag.slides.pixel_size import PixelSize
from spatialrag.slides.spots import Spots

_MPP_KEYS = ("um_per_px", "microns_per_pixel", "mpp")


def read_h5ad(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    layer: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    gene_column: str | None = None,
    xy_key: str = keys.SPATIAL,
    glass: bool = False,
) -> Section:
    """Read a section from an h5ad file, or a Zarr store of AnnData.

    Parameters
    ----------
    path
        Gene version suffixes are kept as they are.
    slide, donor
        Names; the file's when not given.
    layer, scale, library, gene_column, xy_key, glass
        As in `from_anndata`.
    """
    return from_anndata(
        read_anndata(path),
        slide=slide,
        donor=donor,
        layer=layer,
        scale=scale,
        library=library,
        gene_column=gene_column,
        xy_key=xy_key,
        glass=glass,
        file=name_of_file(path),
    )


def from_anndata(
    adata: ad.AnnData,
    *,
    slide: str | None = None,
    donor: str | None = None,
    layer: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    gene_column: str | None = None,
    xy_key: str = keys.SPATIAL,
    glass: bool = False,
    file: str = "",
) -> Section:
    """Return the expression of an AnnData, in memory or backed by its file, as a `Section`.

    Parameters
    ----------
    adata
        Spots in rows.
    slide, donor
        Names; ``file`` when not given.
    layer
        That holds the expression, or ``raw``; ``X`` when absent.
    scale
        Scale of the expression; what this package recorded when absent, else ``counts``.
    library
        Which slide, where there are several: a name in a column such as ``library_id``, or
        ``column=name``. A ``slide`` that is one of them selects it too.
    gene_column
        Column of ``var`` with the names of genes, or ``index``; see
        `spatialrag.expression.gene_names.choose_genes`.
    xy_key
        obsm key of the spot centres in pixels of the image used.
    glass
        Keep spots whose ``in_tissue`` is 0.
    file
        Name of the file.

    Raises
    ------
    InputError
        A prediction of this package, or a bank; several slides of which none is named; values
        that are not what they are said to be; names or places that cannot be used.
    """
    file = file or slide or "AnnData"
    subject = describe(slide, file)
    refuse_prediction(adata, layer, subject)
    xy, notes = places_of(adata.obsm, adata.obs, subject=subject, key=xy_key)
    chosen = _spots_of(adata, xy, library, slide, glass=glass, subject=subject)
    values, var = choose_matrix(adata, layer, subject)
    columns, genes, gene_notes = choose_genes(var, gene_column=gene_column, subject=subject)
    where = f"{'X' if layer is None else layer} of {subject}"
    matrix = as_matrix(values, subject=where)[chosen.spots][:, columns]
    scale = scale or check_scale(str(keys.record_of(adata, layer).get("scale", "counts")))
    check_values(matrix, scale=scale, subject=where, fix=advise(adata, layer, scale))
    return Section(
        slide=slide or file,
        donor=donor or slide or file,
        expression=matrix,
        genes=genes,
        spots=adata.obs_names.to_numpy(object)[chosen.spots],
        xy=None if xy is None else xy[chosen.spots],
        scale=scale,
        notes=(*notes, *chosen.notes, *gene_notes),
        obs=adata.obs[chosen.spots],
        pixel_sizes=_pixel_sizes(adata.uns, chosen.library),
    )


def read_h5ad_spots(
    path: str | Path, *, slide: str, library: str | None = None
) -> tuple[Spots, tuple[str, ...], tuple[PixelSize, ...]]:
    """Read names and centres of spots alone, notes, and what is known of the pixel size.

    Expression is not read: it may be logarithms, a prediction, or absent.

    Parameters
    ----------
    path
        An h5ad file, or a Zarr store of AnnData.
    slide
        Name of the slide.
    library
        As in `from_anndata`.
    """
    adata = read_anndata(path, only=("obs", "obsm", "uns"))
    subject = describe(slide, name_of_file(path))
    xy, notes = places_of(adata.obsm, adata.obs, subject=subject)
    if xy is None:
        raise InputError(
            f"{Path(path).name} has no positions of spots",
            expected=f"obsm[{keys.SPATIAL!r}], or columns x and y of obs",
            got=f"obsm {listing(adata.obsm) or 'empty'}; obs {listing(adata.obs.columns, 20)}",
        )
    chosen = _spots_of(adata, xy, library, slide, glass=False, subject=subject)
    names = adata.obs_names.to_numpy(object)[chosen.spots]
    sizes = _pixel_sizes(adata.uns, chosen.library)
    return Spots(slide, names, xy[chosen.spots]), (*notes, *chosen.notes), sizes


def _spots_of(
    adata: ad.AnnData,
    xy: np.ndarray | None,
    library: str | None,
    slide: str | None,
    *,
    glass: bool,
    subject: str,
) -> Selection:
    """Return the spots of one slide that lie under tissue."""
    found = select_library(
        adata.obs,
        libraries_of(adata.uns),
        xy,
        library=library,
        slide=slide,
        subject=subject,
    )
    if glass:
        return found
    inside, notes = in_tissue(adata.obs[found.spots], subject=subject)
    spots = found.spots.copy()
    spots[found.spots] = inside
    return Selection(spots, found.library, (*found.notes, *notes))


def _pixel_sizes(uns: Mapping[str, Any], library: str) -> tuple[PixelSize, ...]:
    """Return what a file states about µm per pixel."""
    stated = [(f"the file: uns[{key!r}]", uns[key]) for key in _MPP_KEYS if key in uns]
    entry = libraries_of(uns).get(library, {})
    factors = entry.get("scalefactors")
    if isinstance(factors, Mapping) and "microns_per_pixel" in factors:
        stated.append(("the file: microns_per_pixel", factors["microns_per_pixel"]))
    found = []
    for source, value in stated:
        number = np.asarray(value)
        if number.size == 1 and number.dtype.kind in "iuf" and float(number.ravel()[0]) > 0:
            found.append(PixelSize(float(number.ravel()[0]), source))
    return tuple(found)
