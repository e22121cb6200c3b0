"""From an H&E slide to a cited transcriptome.

Names are resolved on first use, so that ``import spatialrag`` stays light. What there is stands in
``__init__.pyi``, which editors and type checkers read.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.2.0.dev0"
