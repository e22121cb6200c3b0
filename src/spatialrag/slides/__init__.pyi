from .patches import (
    PatchGrid as PatchGrid,
    cut_patches as cut_patches,
    cut_thumbnails as cut_thumbnails,
)
from .slide import Slide as Slide, open_slide as open_slide
from .spots import Spots as Spots
from .tissue import grid_spots as grid_spots, tissue_mask as tissue_mask
