"""Stem: a conditional diffusion model of expression."""
