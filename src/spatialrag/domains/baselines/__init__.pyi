from .graphst import GraphST as GraphST
from .spatial_mgcn import SpatialMGCN as SpatialMGCN
from .stagate import STAGATE as STAGATE
