from .backbone import (
    Backbone as Backbone,
    Model as Model,
    TrainedBackbone as TrainedBackbone,
    make_backbone as make_backbone,
)
from .bleep.bleep import BLEEP as BLEEP
from .deepspot.deepspot import DeepSpot as DeepSpot
from .fitting import Fitting as Fitting
from .from_file import FromFile as FromFile
from .histogene.histogene import HisToGene as HisToGene
from .linear import Linear as Linear
from .probe import Probe as Probe
from .stack.stack import Stack as Stack
from .stem.stem import Stem as Stem
from .store import read_backbone as read_backbone, write_backbone as write_backbone
from .triplex.triplex import TRIPLEX as TRIPLEX
