from .embedder import TextEmbedder as TextEmbedder
from .gene_vectors import GeneVectors as GeneVectors
from .specification import semantics_of as semantics_of
from .spots import (
    PerGene as PerGene,
    PerSpot as PerSpot,
    RandomSpots as RandomSpots,
    Semantics as Semantics,
    SpotVectors as SpotVectors,
)
from .table import read_gene_vectors as read_gene_vectors, write_gene_vectors as write_gene_vectors
