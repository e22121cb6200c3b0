from .bundle import export_bank as export_bank
from .manifest import (
    CohortEntry as CohortEntry,
    find_cohort as find_cohort,
    read_manifest as read_manifest,
)
