"""Sparse regression with a certificate: knows no biology."""
