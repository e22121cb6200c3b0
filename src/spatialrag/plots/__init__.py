"""Axes in, Axes out; and thin AnnData faces."""
