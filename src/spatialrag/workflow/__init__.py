"""Experiments: a recipe, its folds and methods, and what is told of them."""
