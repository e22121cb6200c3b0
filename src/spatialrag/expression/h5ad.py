"""h5ad files with spot centres in ``obsm['spatial']`` (HEST, scanpy, squidpy, this package)."""

from pathlib import Path

import anndata as ad
from scipy import sparse

from spatialrag import keys
from spatialrag.errors import InputError
from spatialrag.expression.section import Section


def read_h5ad(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    scale: str | None = None,
    xy_key: str = keys.SPATIAL,
) -> Section:
    """Read a section from an h5ad file.

    Parameters
    ----------
    path
        ``X`` holds the expression; gene version suffixes are kept as they are.
    slide, donor
        Names; the file's stem when not given.
    scale
        Scale of ``X``; what the file states of it, else ``counts`` when every value is whole.
    xy_key
        obsm key of the spot centres in pixels of the image used.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist", fix="check the path")
    adata = ad.read_h5ad(path)
    return from_anndata(
        adata,
        slide=slide or path.stem,
        donor=donor or slide or path.stem,
        scale=scale,
        xy_key=xy_key,
    )


def from_anndata(
    adata: ad.AnnData,
    *,
    slide: str,
    donor: str,
    scale: str | None = None,
    xy_key: str = keys.SPATIAL,
) -> Section:
    """Return an AnnData's expression as a `Section`."""
    matrix = sparse.csr_matrix(adata.X, dtype="float32")
    scale = scale or keys.record_of(adata).get("scale")
    if scale is None:
        if (matrix.data % 1 != 0).any():
            raise InputError(
                f"the values of {slide!r} are not counts and their scale is not stated",
                expected="whole numbers, or a declared scale",
                fix="pass scale='log1p' or 'log1p_cp10k' (natural logarithm)",
            )
        scale = "counts"
    if xy_key not in adata.obsm and xy_key != keys.SPATIAL:
        raise InputError(f"{slide!r} has no obsm[{xy_key!r}]", got=f"{list(adata.obsm)}")
    return Section(
        slide=slide,
        donor=donor,
        expression=matrix,
        genes=adata.var_names.to_numpy(),
        spots=adata.obs_names.to_numpy(),
        xy=adata.obsm.get(xy_key),
        scale=scale,
    )
