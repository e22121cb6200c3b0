"""Names of the AnnData slots this package writes."""

SPATIAL = "spatial"  # obsm: (n_spots, 2) spot centres, full-resolution pixels; uns: images
RECORD = "spatialrag"  # uns: settings, scale, fingerprints, versions
SLIDE = "slide"  # obs
DONOR = "donor"  # obs
BARCODE = "barcode"  # obs: the spot's name within its slide
TOTAL = "total_counts"  # obs: depth of the spot over all its measured genes
MEASURED = "measured"  # varm: (n_genes, n_slides) bool, columns ordered as uns record "slides"
THUMBNAIL = "thumbnail"  # obsm: (n_spots, px, px, 3) uint8
WEIGHTS = "spatialrag_weights"  # obsm: CSR (n_queries, n_cited)
EMBEDDING = "X_{encoder}"  # obsm: (n_spots, dim)
COVERAGE = "coverage"  # layers: weight share of the references that measured the gene


def embedding_key(encoder: str) -> str:
    """Return the obsm key of an encoder's vectors, e.g. ``X_color``."""
    safe = "".join(c if c.isalnum() or c in "._+-" else "-" for c in encoder)
    return EMBEDDING.format(encoder=safe)
