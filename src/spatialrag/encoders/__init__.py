"""Patches to vectors."""
