"""Counts to aligned matrices: knows no pixels beyond the spots' positions."""
