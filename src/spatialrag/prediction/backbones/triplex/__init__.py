"""TRIPLEX: a spot, its surroundings and the whole slide, fused by attention."""
