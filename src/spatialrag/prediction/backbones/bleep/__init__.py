"""BLEEP: images and expression in one space, prediction by retrieval there."""
