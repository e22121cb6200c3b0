"""The bank: what retrieval searches."""
