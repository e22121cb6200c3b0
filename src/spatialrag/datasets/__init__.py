"""A curated database: H&E cohorts, single-cell sources, and where to have them."""
