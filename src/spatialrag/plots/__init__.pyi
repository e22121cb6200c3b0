from . import pl as pl, pp as pp, tl as tl
