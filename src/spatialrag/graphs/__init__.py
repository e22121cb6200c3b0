"""Coordinates or features to sparse graphs: knows no expression method."""
