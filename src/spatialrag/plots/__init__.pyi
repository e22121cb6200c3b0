from . import pl as pl
