from .biology import read_gmt as read_gmt
from .composition import composition_scores as composition_scores
from .domains import domain_scores as domain_scores
from .expression import (
    pcc_k as pcc_k,
    pearson_per_gene as pearson_per_gene,
    spearman_per_gene as spearman_per_gene,
)
from .spatial import morans_i as morans_i
