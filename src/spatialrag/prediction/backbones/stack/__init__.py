"""Several regressions, combined by weights found on reference slides left out."""
