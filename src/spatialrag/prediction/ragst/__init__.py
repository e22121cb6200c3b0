"""RAG-ST: cell types as the bridge to single-cell references."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
