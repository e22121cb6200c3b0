from .presets import paper as paper, preset as preset, released as released
from .semst import SemST as SemST
from .settings import Architecture as Architecture, Graphs as Graphs, Objective as Objective
