"""DeepSpot: deep sets of a spot and its neighbors."""
