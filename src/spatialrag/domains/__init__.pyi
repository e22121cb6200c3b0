from .clustering import Clustering as Clustering
from .consensus.consensus import Consensus as Consensus
from .controls import NeighborhoodMeans as NeighborhoodMeans, SmoothedPCA as SmoothedPCA
from .datasets import read_dataset as read_dataset
from .domains import DomainMethod as DomainMethod, Domains as Domains
from .fusion import (
    FSM as FSM,
    Addition as Addition,
    Concatenation as Concatenation,
    CrossAttention as CrossAttention,
)
from .markers import (
    domain_markers as domain_markers,
    read_gene_sets as read_gene_sets,
    set_enrichment as set_enrichment,
)
from .recipes import PaperSettings as PaperSettings, recipe as recipe
from .tissue import Tissue as Tissue
