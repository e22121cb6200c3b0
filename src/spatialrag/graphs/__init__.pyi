from .feature import feature_graph as feature_graph
from .graph import Graph as Graph
from .spatial import spatial_graph as spatial_graph
