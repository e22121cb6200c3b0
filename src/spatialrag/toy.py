"""A seeded toy tissue: H&E-like sections with spots and counts, for tests, demo and docs.

The tissue is generated, so nothing measured on it says anything about accuracy on real slides.
Five regions are drawn from smooth random fields; nuclei, lumens and fibers follow the regions, and
so do co-expression programs, so morphology carries information about the genes.
"""

from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage, sparse

REGIONS = ("stroma", "tumor", "immune", "gland", "adipose")
# Per region: background RGB, nuclei per mm², nucleus radius in µm, nucleus RGB.
_LOOK = {
    "stroma": ((233, 178, 202), 1400, (2.0, 5.0), (112, 72, 138)),
    "tumor": ((214, 150, 190), 5200, (4.2, 5.2), (92, 58, 132)),
    "immune": ((205, 160, 205), 9500, (2.6, 2.9), (62, 40, 112)),
    "gland": ((226, 162, 200), 3800, (3.2, 3.8), (84, 56, 134)),
    "adipose": ((244, 236, 242), 250, (2.0, 3.2), (110, 80, 140)),
}
_CELL_UM = 20.0  # grid on which regions are drawn


@dataclass(frozen=True)
class ToyTissue:
    """Settings of the toy tissue.

    Parameters
    ----------
    n_sections, n_donors
        Sections are dealt to the donors in turn.
    n_genes
        Genes in the union of panels; each section lacks about 4 % of them.
    columns, rows
        Spots per section, on a square grid.
    pitch_um, spot_um
        Distance between spot centres and spot diameter, µm.
    mpp
        µm per pixel of the drawn slide.
    seed
        Everything drawn follows from it.
    """

    n_sections: int = 4
    n_donors: int = 2
    n_genes: int = 2400
    columns: int = 16
    rows: int = 14
    pitch_um: float = 120.0
    spot_um: float = 80.0
    mpp: float = 1.0
    seed: int = 0


def make_toy(directory: str | Path, *, settings: ToyTissue | None = None) -> Path:
    """Draw the toy tissue and write it as files a user could have.

    Writes ``slides/<slide>.jpg``, ``expression/<slide>.h5ad`` and ``slides.csv``.

    Parameters
    ----------
    directory
        Folder to write into; made when absent.
    settings
        What to draw.

    Returns
    -------
    pathlib.Path
        The cohort table ``slides.csv``.

    Examples
    --------
    >>> from spatialrag.toy import ToyTissue
    >>> sr.make_toy("tissue", settings=ToyTissue(n_genes=50, columns=3, rows=2)).name
    'slides.csv'
    """
    settings = settings or ToyTissue()
    root = Path(directory)
    for folder in ("slides", "expression"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    programs = _Programs.draw(settings)
    rows = []
    for index in range(settings.n_sections):
        donor = index % settings.n_donors
        slide = f"toy{index + 1}"
        rng = np.random.default_rng([settings.seed, 1, index])
        regions = _draw_regions(settings, rng)
        picture, nuclei = _draw_picture(settings, regions, rng, donor)
        picture.save(root / "slides" / f"{slide}.jpg", quality=90)
        section = _draw_expression(settings, programs, regions, nuclei, rng, donor)
        section.uns["slide"] = slide
        section.write_h5ad(root / "expression" / f"{slide}.h5ad", compression="gzip")
        rows.append(
            {
                "slide": slide,
                "donor": f"donor{donor + 1}",
                "expression": f"expression/{slide}.h5ad",
                "image": f"slides/{slide}.jpg",
                "mpp": settings.mpp,
            }
        )
    table = root / "slides.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    return table


def _extent_um(settings: ToyTissue) -> tuple[float, float]:
    margin = 2 * settings.pitch_um
    return (
        (settings.columns - 1) * settings.pitch_um + margin,
        (settings.rows - 1) * settings.pitch_um + margin,
    )


def _draw_regions(settings: ToyTissue, rng: np.random.Generator) -> np.ndarray:
    """Return region numbers on a coarse grid, (height, width) in steps of `_CELL_UM`."""
    width, height = (int(np.ceil(side / _CELL_UM)) for side in _extent_um(settings))
    fields = rng.standard_normal((len(REGIONS), height, width))
    scale = np.array([14, 12, 7, 9, 10])
    offset = np.array([0.35, 0.45, -0.25, 0.05, -0.35])
    for field, sigma in zip(fields, scale, strict=True):
        field[:] = ndimage.gaussian_filter(field, sigma, mode="reflect")
        field /= field.std()
    return np.argmax(fields + offset[:, None, None], axis=0)


def _draw_picture(
    settings: ToyTissue, regions: np.ndarray, rng: np.random.Generator, donor: int
) -> tuple[Image.Image, np.ndarray]:
    """Return the H&E-like picture and the nuclei's centres, (n, 2) in µm."""
    width, height = (round(side / settings.mpp) for side in _extent_um(settings))
    background = np.array([_LOOK[name][0] for name in REGIONS], float)[regions]
    canvas = Image.fromarray(background.astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    picture = Image.fromarray(_add_fibers(np.asarray(canvas, float), regions, rng))
    pen = ImageDraw.Draw(picture)
    lumens = _draw_lumens(pen, settings, regions, rng)
    nuclei = _draw_nuclei(pen, settings, regions, rng, lumens)
    picture = picture.filter(ImageFilter.GaussianBlur(0.6 / settings.mpp))
    pixels = np.asarray(picture, float)
    stain = np.array([[1.0, 1.0, 1.0], [0.985, 0.955, 1.01], [1.01, 1.02, 0.98]])[donor % 3]
    pixels = pixels * stain + rng.normal(0, 2.5, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), nuclei


def _add_fibers(pixels: np.ndarray, regions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Texture: elongated eosin streaks, strongest in the stroma."""
    height, width = pixels.shape[:2]
    streaks = ndimage.gaussian_filter(rng.standard_normal((height, width)), (1.2, 9.0))
    streaks /= streaks.std()
    strength = np.array([13.0, 5.0, 3.0, 5.0, 2.0])[regions]
    strength = ndimage.zoom(
        strength, (height / strength.shape[0], width / strength.shape[1]), order=1
    )
    shade = streaks * strength[:height, :width]
    return np.clip(pixels - shade[..., None] * np.array([0.4, 1.0, 0.6]), 0, 255).astype(np.uint8)


def _draw_lumens(
    pen: ImageDraw.ImageDraw, settings: ToyTissue, regions: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw gland lumens and fat vacuoles; return gland lumens as (n, 3): x, y, radius in µm."""
    glands = np.empty((0, 3))
    for name, per_mm2, low, high in (("gland", 110, 14, 30), ("adipose", 420, 16, 27)):
        centres = _scatter(regions, REGIONS.index(name), per_mm2, rng)
        radii = rng.uniform(low, high, len(centres))
        for (x, y), radius in zip(centres, radii, strict=True):
            _ellipse(
                pen, x, y, radius, radius * rng.uniform(0.7, 1.0), (250, 247, 250), settings.mpp
            )
        if name == "gland":
            glands = np.column_stack([centres, radii])
    return glands


def _draw_nuclei(
    pen: ImageDraw.ImageDraw,
    settings: ToyTissue,
    regions: np.ndarray,
    rng: np.random.Generator,
    lumens: np.ndarray,
) -> np.ndarray:
    drawn = []
    for number, name in enumerate(REGIONS):
        _, per_mm2, (short, long), color = _LOOK[name]
        centres = _scatter(regions, number, per_mm2, rng)
        if name == "gland" and len(lumens):  # most gland nuclei line a lumen
            ring = lumens[rng.integers(len(lumens), size=len(centres))]
            angle = rng.uniform(0, 2 * np.pi, len(centres))
            lined = ring[:, :2] + (ring[:, 2:] + 4) * np.column_stack(
                [np.cos(angle), np.sin(angle)]
            )
            centres = np.where(rng.random((len(centres), 1)) < 0.8, lined, centres)
        sizes = rng.normal(1, 0.15, (len(centres), 2)) * (short, long)
        shades = np.array(color) + rng.normal(0, 10, (len(centres), 1))
        upright = rng.random(len(centres)) < 0.3
        for (x, y), (a, b), shade, flip in zip(centres, sizes, shades, upright, strict=True):
            fill = tuple(np.clip(shade, 0, 255).astype(int).tolist())
            _ellipse(pen, x, y, *((a, b) if flip else (b, a)), fill, settings.mpp)
        drawn.append(centres)
    return np.concatenate(drawn)


def _ellipse(
    pen: ImageDraw.ImageDraw,
    x: float,
    y: float,
    a: float,
    b: float,
    fill: tuple[int, ...],
    mpp: float,
) -> None:
    pen.ellipse([(x - a) / mpp, (y - b) / mpp, (x + a) / mpp, (y + b) / mpp], fill=fill)


def _scatter(
    regions: np.ndarray, number: int, per_mm2: float, rng: np.random.Generator
) -> np.ndarray:
    """Return random points (n, 2) in µm inside one region, at a density."""
    ys, xs = np.nonzero(regions == number)
    n = rng.poisson(per_mm2 * len(ys) * (_CELL_UM / 1000) ** 2)
    if len(ys) == 0 or n == 0:
        return np.empty((0, 2))
    chosen = rng.integers(len(ys), size=n)
    corner = np.column_stack([xs[chosen], ys[chosen]])
    return (corner + rng.random((n, 2))) * _CELL_UM


@dataclass(frozen=True)
class _Programs:
    """What the genes do: shared by all sections of a toy cohort."""

    baseline: np.ndarray  # (genes,) log abundance
    loadings: np.ndarray  # (genes, programs)
    activity: np.ndarray  # (regions, programs)
    donor_effect: np.ndarray  # (donors, genes)

    @classmethod
    def draw(cls, settings: ToyTissue) -> "_Programs":
        rng = np.random.default_rng([settings.seed, 0])
        n_programs = 9
        member = rng.integers(n_programs + 3, size=settings.n_genes)  # the last 3 are housekeeping
        loadings = np.zeros((settings.n_genes, n_programs))
        inside = member < n_programs
        loadings[inside, member[inside]] = rng.gamma(4.0, 0.3, inside.sum())
        activity = np.vstack([np.eye(len(REGIONS)) * 1.3 - 0.3, np.zeros((4, len(REGIONS)))]).T
        activity[:, 5:] = rng.normal(0, 0.35, (len(REGIONS), 4))
        return cls(
            baseline=rng.normal(0, 1.3, settings.n_genes),
            loadings=loadings,
            activity=activity,
            donor_effect=rng.normal(0, 0.2, (settings.n_donors, settings.n_genes)),
        )


def _draw_expression(
    settings: ToyTissue,
    programs: _Programs,
    regions: np.ndarray,
    nuclei: np.ndarray,
    rng: np.random.Generator,
    donor: int,
) -> ad.AnnData:
    grid = np.meshgrid(np.arange(settings.columns), np.arange(settings.rows))
    column, row = (axis.ravel() for axis in grid)
    xy_um = (np.column_stack([column, row]) + 1.0) * settings.pitch_um
    offset = nuclei[None] - xy_um[:, None]
    cells = (np.hypot(offset[..., 0], offset[..., 1]) < settings.spot_um / 2).sum(axis=1)
    region = regions[tuple((xy_um[:, ::-1] / _CELL_UM).astype(int).T)]
    activity = programs.activity[region] + rng.normal(
        0, 0.2, (len(xy_um), programs.activity.shape[1])
    )
    log_rate = programs.baseline + programs.donor_effect[donor] + activity @ programs.loadings.T
    share = np.exp(log_rate)
    share /= share.sum(axis=1, keepdims=True)
    depth = rng.lognormal(np.log(900 + 170 * cells), 0.3)
    counts = rng.poisson(rng.gamma(4.0, depth[:, None] * share / 4.0))
    panel = rng.random(settings.n_genes) > 0.04
    panel[:1200] = True
    return ad.AnnData(
        sparse.csr_matrix(counts[:, panel].astype(np.uint16)),
        obs=pd.DataFrame(
            {"array_x": column, "array_y": row, "region": np.array(REGIONS)[region]},
            index=[f"{x}x{y}" for x, y in zip(column, row, strict=True)],
        ),
        var=pd.DataFrame(index=np.array([f"TOY{i:04d}" for i in range(settings.n_genes)])[panel]),
        obsm={"spatial": xy_um / settings.mpp},
        uns={"spot_diameter_um": settings.spot_um},
    )
