"""A backbone for tests of what surrounds one: registered by an entry point, as third parties do."""

from dataclasses import dataclass, field

from spatialrag.prediction.backbones.bleep.bleep import BLEEP
from spatialrag.prediction.backbones.fitting import Fitting


@dataclass(frozen=True)
class Small(BLEEP):
    """BLEEP of width 8 that reads 8 components and is trained for 5 epochs at most."""

    width: int = 8
    n_retrieved: int = 10
    components: int | None = 8
    fitting: Fitting = field(
        default_factory=lambda: Fitting(epochs=5, learning_rate=0.01, batch=32, patience=2, folds=2)
    )
