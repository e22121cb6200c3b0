"""A curated database: H&E cohorts, single-cell sources, and where to have them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
