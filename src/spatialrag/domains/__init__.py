"""Graphs and expression to spatial domains."""
