from .cohort import read_cohort as read_cohort, read_her2st_cohort as read_her2st_cohort
from .hest import read_hest_cohort as read_hest_cohort
from .normalize import to_scale as to_scale
from .proportions import (
    Proportions as Proportions,
    read_her2st_proportions as read_her2st_proportions,
    read_proportions as read_proportions,
)
from .read import read_positions as read_positions, read_section as read_section
from .section import Section as Section
