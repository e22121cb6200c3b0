from .checkpoint import Checkpoint as Checkpoint
from .graph import Training as Training, train as train
from .run import Run as Run
