"""GeneRAG: dual-constrained retrieval (MICCAI 2026)."""

from spatialrag.prediction.generag.generag import FittedGeneRAG, GeneRAG

__all__ = ["FittedGeneRAG", "GeneRAG"]
