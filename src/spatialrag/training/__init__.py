"""How every network is trained: one loop, one rule of what is held out, one kind of checkpoint."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
