"""Columns that tables of spots are known to hold beside genes: places and what is said of spots."""

import re

# Pairs of columns that hold x and y in pixels of the full resolution, the surest first. Rows of
# pixels run down: a row is a y.
PLACES = (
    ("pxl_col_in_fullres", "pxl_row_in_fullres"),  # Space Ranger
    ("pixel_x", "pixel_y"),  # ST Pipeline and its selection files
    ("imagecol", "imagerow"),  # Seurat
    ("x_pixel", "y_pixel"),
    ("x", "y"),
)
_PLACE_NAMES = {name for pair in PLACES for name in pair} | {"z", "new_x", "new_y", "x_um", "y_um"}
_KNOWN = re.compile(
    r"in_tissue|array_(row|col|x|y)|row|col|tissue|selected|"
    r"barcodes?|spots?(_id|_name)?|cell(_id|_name)?|cell_?types?|names?|id|"
    r"slide(_id)?|library(_id)?|sample(_id)?|section(_id)?|donor(_id)?|patient(_id)?|batch|region|"
    r"(log1p_)?(n|total|sum|pct)_(genes|counts|umis?|reads|features)\w*|"
    r"n_?(count|feature)_\w+|pct_\w*(mt|mito|ribo|rb|hb)\w*|percent[._](mt|mito|ribo|rb|hb)\w*|"
    r"(total|n|log)_?(counts?|umis?|genes?)|counts|umis?(_counts?)?|depth|library_size|size_?factors?|"
    r"(mt|mito|ribo)_(fraction|percent|ratio|pct)|condition|treatment|disease|sex|age|status|group|"
    r"replicate|subject|individual|tissue_type|capture_area|"
    r"leiden[\w.]*|louvain[\w.]*|seurat_clusters|(graph_?)?clusters?|kmeans[\w.]*|domains?|layers?|"
    r"annotations?|labels?|ground_?truth|pathology|classification|doublet_scores?|orig\.?ident"
)


def is_known_column(name: str) -> bool:
    """Return whether a column is known to hold something of spots and not a gene's counts."""
    lower = name.strip().lower()
    return lower in _PLACE_NAMES or bool(_KNOWN.fullmatch(lower))


def place_columns(columns: list[str]) -> tuple[str, str] | None:
    """Return the columns that hold x and y, as they are written, or None."""
    by_lower = {column.strip().lower(): column for column in reversed(columns)}
    for x, y in PLACES:
        if x in by_lower and y in by_lower:
            return by_lower[x], by_lower[y]
    return None
