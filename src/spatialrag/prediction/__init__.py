"""Weights to expression: one room per method."""
