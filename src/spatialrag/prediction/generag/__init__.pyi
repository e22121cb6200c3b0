from .blend import GeneRAGBlend as GeneRAGBlend
from .generag import FittedGeneRAG as FittedGeneRAG, GeneRAG as GeneRAG
from .tuning import ImageWeightChosen as ImageWeightChosen, Tuning as Tuning, tune as tune
