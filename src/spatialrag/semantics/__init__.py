"""Genes to text to vectors: what spots mean by the genes they express most."""
