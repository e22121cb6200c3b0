"""Queries to references: anchor genes, the stacked design, nearest neighbors."""
