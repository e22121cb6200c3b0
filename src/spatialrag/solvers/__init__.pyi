from .fista import Fista as Fista
from .objective import from_sklearn as from_sklearn
from .problem import Problem as Problem
from .reference import CoordinateDescent as CoordinateDescent
from .solution import Solution as Solution, Status as Status
from .stored import open_design as open_design, write_design as write_design
from .working_set.working_set import WorkingSet as WorkingSet
