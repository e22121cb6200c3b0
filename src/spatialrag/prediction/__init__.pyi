from .citations import Citations as Citations
from .controls import (
    BackboneOnly as BackboneOnly,
    DepthOnly as DepthOnly,
    MeanProfile as MeanProfile,
    Neighbors as Neighbors,
)
from .prediction import Prediction as Prediction
from .predictor import (
    FittedPredictor as FittedPredictor,
    Predictor as Predictor,
    Queries as Queries,
)
from .store import read_prediction as read_prediction, write_prediction as write_prediction
