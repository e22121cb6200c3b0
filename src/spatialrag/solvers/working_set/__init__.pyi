from .working_set import WorkingSet as WorkingSet
