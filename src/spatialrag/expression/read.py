"""Read one section, whatever its format."""

import warnings
from dataclasses import replace
from pathlib import Path

from spatialrag.anndata_file import is_zarr
from spatialrag.errors import InputError
from spatialrag.expression.h5ad import read_h5ad_spots
from spatialrag.expression.her2st import PITCH_UM, is_selection_file, read_her2st_positions
from spatialrag.expression.normalize import Scale
from spatialrag.expression.outside import without_outside
from spatialrag.expression.pixel_size import Picture, choose_size, known_sizes, look_at
from spatialrag.expression.section import Section
from spatialrag.expression.table import read_table_spots
from spatialrag.expression.visium import read_visium_spots
from spatialrag.expression.visium_positions import read_spots_under_tissue
from spatialrag.file_kind import kind_of, refusal
from spatialrag.registry import expression_readers
from spatialrag.slides.patches import drop_outside
from spatialrag.slides.pixel_size import PixelSize
from spatialrag.slides.platforms import check_pitch
from spatialrag.slides.slide import Slide, opened
from spatialrag.slides.spots import Spots

_EXPECTED = "expression (h5ad, a Space Ranger folder, CSV, TSV or Parquet)"


def read_section(
    path: str | Path,
    *,
    slide: str | None = None,
    donor: str | None = None,
    image: str | Path | None = None,
    mpp: float | None = None,
    pitch_um: float | None = None,
    layer: str | None = None,
    scale: Scale | None = None,
    library: str | None = None,
    gene_column: str | None = None,
    mpp_from: str | None = None,
) -> Section:
    """Read expression from h5ad, Space Ranger output or a table, and join its image.

    What reading left out or changed is in the section's ``notes``.

    Parameters
    ----------
    path
        An ``.h5ad`` file or AnnData in Zarr, a Space Ranger folder (or the matrix in it), or a CSV,
        TSV or Parquet table; told from its content. (HER2ST sections:
        `spatialrag.expression.her2st.read_her2st_section`.)
    slide, donor
        Names.
    image
        The H&E file whose full-resolution pixels the spot centres index.
    mpp
        µm per pixel. When absent: what the image states, else what ``pitch_um`` implies, else what
        came with the expression. All that is known must agree.
    pitch_um
        Distance between neighboring spot centres, µm; the pixel size is then derived from it.
    layer
        Of an AnnData, the layer that holds the expression, or ``raw``; ``X`` when absent.
    scale
        Scale of the expression; what the file states when absent, else ``counts``.
    library
        Which slide of a file or folder that holds several.
    gene_column
        Column of ``var`` with the names of genes, ``index`` for its index; of Space Ranger output
        ``gene_ids``.
    mpp_from
        Which source of µm per pixel to believe although others disagree: ``given``, ``image``,
        ``pitch``, or ``file`` for the one of the expression.

    Raises
    ------
    InputError
        Files that are absent, of another kind or damaged; values, names or places that cannot be
        used; several slides of which none is named; pixel sizes that differ by more than 20 %; a
        picture that most spots lie outside of.

    Examples
    --------
    >>> section = sr.read_section(h5ad, slide="toy4", donor="d2")
    >>> section.n_spots, section.scale
    (56, 'counts')
    """
    path = _existing(path)
    kind = _kind(path)
    section = expression_readers.get(kind)(
        path,
        slide=slide,
        donor=donor,
        layer=layer,
        scale=scale,
        library=library,
        gene_column=gene_column,
    )
    picture = look_at(image or section.image)
    found = known_sizes(
        mpp=mpp,
        picture=picture,
        xy=section.xy,
        pitch_um=pitch_um,
        stated=section.pixel_sizes,
    )
    pixel, notes = choose_size(found, slide=section.slide, believed=mpp_from)
    if pixel is None and kind == "visium":
        raise _unknown(path)
    section = replace(section, notes=(*section.notes, *notes))
    section = section.with_image(picture.path, *_of(pixel))
    if section.xy is not None:
        check_pitch(section.located)
    return without_outside(section)


def read_positions(
    path: str | Path,
    *,
    slide: str,
    image: str | Path | Slide | None = None,
    mpp: float | None = None,
    pitch_um: float | None = None,
    library: str | None = None,
    mpp_from: str | None = None,
) -> Spots:
    r"""Read spot names and centres alone.

    Expression that a file may hold is not read: it may be on any scale, or a prediction. What was
    left out is warned about.

    Parameters
    ----------
    path
        What `read_section` reads, a table with x and y, Space Ranger's ``tissue_positions``, or a
        HER2ST selection file (its pixel size is then derived from the 200 µm pitch).
    slide
        Name of the slide; selects it where the file holds several.
    image
        The H&E file whose full-resolution pixels the centres index, or that slide opened: it then
        stays open.
    mpp, pitch_um, library, mpp_from
        As in `read_section`.

    Raises
    ------
    InputError
        As `read_section`, of names and places alone.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("spots.csv").write_text("spot,x,y\na,100,120\nb,300,120\n")
    >>> sr.read_positions("spots.csv", slide="new", mpp=1.0).spots.tolist()
    ['a', 'b']
    """
    path = _existing(path)
    spots, notes, stated = _spots(path, slide, library)
    picture = look_at(image)
    found = known_sizes(mpp=mpp, picture=picture, xy=spots.xy, pitch_um=pitch_um, stated=stated)
    pixel, more = choose_size(found, slide=slide, believed=mpp_from)
    size, source = _of(pixel)
    spots = replace(spots, image=picture.path, mpp=size, mpp_source=source)
    check_pitch(spots)
    for note in (*notes, *more):
        warnings.warn(note, stacklevel=2)
    if image is None:
        return spots
    with opened(image) as opened_image:
        return drop_outside(spots, opened_image)


def _spots(
    path: Path, slide: str, library: str | None
) -> tuple[Spots, tuple[str, ...], tuple[PixelSize, ...]]:
    """Return spots, notes, and what the file states of µm per pixel."""
    kind = _kind(path)
    if kind == "h5ad":
        return read_h5ad_spots(path, slide=slide, library=library)
    if kind == "visium":
        return read_visium_spots(path, slide=slide, library=library)
    if "tissue_positions" in path.name:
        names, xy, notes = read_spots_under_tissue(path)
        return Spots(slide, names, xy), notes, ()
    if is_selection_file(path):
        names, xy, notes = read_her2st_positions(path)
        sizes = known_sizes(mpp=None, picture=Picture(), xy=xy, pitch_um=PITCH_UM, stated=())
        return Spots(slide, names, xy), notes, tuple(sizes["pitch"])
    names, xy, notes = read_table_spots(path, slide=slide, library=library)
    return Spots(slide, names, xy), notes, ()


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist", fix="check the path")
    return path


def _kind(path: Path) -> str:
    """Return the reader for a path, by its content."""
    if path.is_dir():
        return "h5ad" if is_zarr(path) else "visium"
    key, named_h5ad = kind_of(path).key, path.suffix.lower() == ".h5ad"
    if key == "h5ad":
        return "h5ad"
    if (key == "text" and ".mtx" in path.name) or (key == "10x" and not named_h5ad):
        return "visium"
    if key in ("text", "parquet") and not named_h5ad:
        return "table"
    raise refusal(path, _EXPECTED)


def _of(pixel: PixelSize | None) -> tuple[float | None, str]:
    return (pixel.mpp, pixel.source) if pixel else (None, "unknown")


def _unknown(path: Path) -> InputError:
    return InputError(
        f"the pixel size of {path.name} is unknown",
        expected="scalefactors_json.json in spatial/, or µm per pixel",
        fix="copy that file beside the positions, or give mpp or pitch_um (100 for Visium)",
    )
