from .build import (
    cells_from_anndata as cells_from_anndata,
    cells_from_profiles as cells_from_profiles,
    join_cells as join_cells,
)
from .cell_bank import CellBank as CellBank
from .census import CensusQuery as CensusQuery, cells_from_census as cells_from_census
from .deconvolve import Deconvolution as Deconvolution
from .store import (
    read_cells as read_cells,
    verify_cells as verify_cells,
    write_cells as write_cells,
)
from .types import TypeMap as TypeMap, read_type_map as read_type_map
