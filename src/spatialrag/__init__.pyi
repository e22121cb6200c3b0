from . import pp as pp, registry as registry, tl as tl
from .bank.bank import Bank as Bank
from .bank.build import build_bank as build_bank
from .bank.store import read_bank as read_bank, write_bank as write_bank
from .cells.build import (
    cells_from_anndata as cells_from_anndata,
    cells_from_profiles as cells_from_profiles,
    join_cells as join_cells,
)
from .cells.cell_bank import CellBank as CellBank
from .cells.census import cells_from_census as cells_from_census
from .cells.deconvolve import deconvolve as deconvolve
from .cells.store import read_cells as read_cells, write_cells as write_cells
from .domains.semst.semst import SemST as SemST
from .domains.tissue import Tissue as Tissue
from .encoders.embedding import embed as embed
from .encoders.load import load_encoder as load_encoder
from .evaluation.domains import compare_domains as compare_domains
from .evaluation.loso import loso as loso
from .evaluation.methods import Row as Row, standard_rows as standard_rows
from .evaluation.panel import fix_panel as fix_panel
from .evaluation.report import Report as Report
from .evaluation.scores import evaluate as evaluate
from .explanation.explanation import explain as explain
from .explanation.types import attention_by_type as attention_by_type, carriers as carriers
from .expression.cohort import read_cohort as read_cohort
from .expression.find_name import read_aliases as read_aliases
from .expression.hest import read_hest_cohort as read_hest_cohort
from .expression.proportions import Proportions as Proportions, read_proportions as read_proportions
from .expression.read import read_positions as read_positions, read_section as read_section
from .expression.section import Section as Section
from .plots import pl as pl
from .prediction.generag.generag import GeneRAG as GeneRAG
from .prediction.generag.tuning import tune as tune
from .prediction.prediction import Prediction as Prediction
from .prediction.ragst.ragst import RAGST as RAGST
from .prediction.store import (
    prediction_of as prediction_of,
    read_prediction as read_prediction,
    write_prediction as write_prediction,
)
from .slides.slide import open_slide as open_slide
from .slides.spots import Spots as Spots
from .slides.tissue import grid_spots as grid_spots
from .solvers.problem import Problem as Problem
from .solvers.stored import open_design as open_design, write_design as write_design
from .solvers.working_set import WorkingSet as WorkingSet
from .toy import make_toy as make_toy

__version__: str
