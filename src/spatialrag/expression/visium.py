"""Space Ranger output, version 1 to 4, and Visium HD's bins, as sections of spots."""

from pathlib import Path

from spatialrag.errors import InputError
from spatialrag.expression.gene_names import choose_genes
from spatialrag.expression.in_tissue import in_tissue
from spatialrag.expression.joining import join_names
from spatialrag.expression.normalize import Scale
from spatialrag.expression.options import describe, refuse_given
from spatialrag.expression.section import Section
from spatialrag.expression.visium_layout import find_layout, name_of_folder
from spatialrag.expression.visium_matrix import read_matrix
from spatialrag.expression.visium_positions import (
    read_positions_table,
    read_spots_under_tissue,
    stated_sizes,
)
from spatialrag.names import clean_names
from spatialrag.slides.pixel_size import PixelSize
from spatialrag.slides.spots import Spots


def read_visium(
    folder: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    layer: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    gene_column: str | None = None,
) -> Section:
    """Read a Space Ranger output folder.

    Counts and positions are joined by barcode; spots outside the tissue and features that are no
    genes are left out; each with a note. Genes are symbols. What is stated of µm per pixel is in
    ``pixel_sizes``; the first of them, taken on its own, is the section's.

    Parameters
    ----------
    folder
        ``outs``, the folder above it, a binning of Visium HD, a folder of files as GEO has them,
        or a matrix in one of these; see `spatialrag.expression.visium_layout`.
    slide, donor
        Names; the folder's when not given.
    layer, scale
        Refused: the matrix holds counts.
    library
        Prefix of the slide's files, or binning, where there are several.
    gene_column
        ``gene_ids`` for Ensembl ids instead of symbols.

    Raises
    ------
    InputError
        Files that are missing, damaged, or of different slides.
    """
    scale = None if scale == "counts" else scale
    refuse_given({"layer": layer, "scale": scale}, subject=str(folder), reason="one matrix: counts")
    folder_name = name_of_folder(folder)
    name = describe(slide, folder_name)
    layout = find_layout(folder, library=library)
    if layout.matrix is None:
        raise InputError(
            f"{folder} has positions of spots and no counts",
            expected="filtered_feature_bc_matrix.h5, or the folder of that name",
            fix="copy it beside spatial/",
        )
    matrix, written, features = read_matrix(layout.matrix)
    barcodes, notes = clean_names(written, kind="spot", subject=layout.matrix.name)
    columns, genes, gene_notes = choose_genes(features, gene_column=gene_column, subject=name)
    obs, xy, position_notes = read_positions_table(layout.positions)
    join = join_names(
        barcodes,
        obs.index.to_numpy(),
        called=("barcodes with counts", "positions"),
        subject=name,
        spare=False,
    )
    found = obs.iloc[join.right]
    inside, tissue_notes = in_tissue(found, subject=name)
    notes = (*join.notes, *tissue_notes, *notes, *position_notes, *gene_notes)
    sizes = stated_sizes(layout.factors, xy, obs.index.to_numpy())
    return Section(
        slide=slide or folder_name,
        donor=donor or slide or folder_name,
        expression=matrix[join.left[inside]][:, columns],
        genes=genes,
        spots=barcodes[join.left[inside]],
        xy=xy[join.right[inside]],
        mpp=sizes[0].mpp if sizes else None,
        mpp_source=sizes[0].source if sizes else "unknown",
        notes=notes,
        obs=found[inside],
        pixel_sizes=tuple(sizes),
    )


def read_visium_spots(
    folder: str | Path, *, slide: str, library: str | None = None
) -> tuple[Spots, tuple[str, ...], tuple[PixelSize, ...]]:
    """Read names and centres of the spots under tissue alone, notes, and stated pixel sizes.

    Parameters
    ----------
    folder
        As in `read_visium`; it needs no counts.
    slide
        Name of the slide.
    library
        As in `read_visium`.
    """
    layout = find_layout(folder, library=library)
    names, xy, notes = read_spots_under_tissue(layout.positions)
    return Spots(slide, names, xy), notes, tuple(stated_sizes(layout.factors, xy, names))
