from .recipe import Recipe as Recipe, read_recipe as read_recipe
from .results import Results as Results
from .run import run_experiment as run_experiment
