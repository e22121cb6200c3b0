"""Published networks for spatial domains, from their equations, each with and without FSM."""

import lazy_loader

from spatialrag.errors import MissingDependencyError

try:
    import torch  # noqa: F401  (said here once, before a part of it is missed)
except ImportError as error:
    raise MissingDependencyError("torch", extra="domains", needed_for="these networks") from error

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
