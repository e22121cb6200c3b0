"""Backbones: the initial prediction of anchor genes that retrieval starts from."""
