import pytest

from spatialrag.tables.columns import is_known_column, place_columns


@pytest.mark.parametrize(
    "name",
    ["in_tissue", "array_row", "x", "Y", "pxl_row_in_fullres", "total_counts", "n_genes_by_counts",
     "nCount_Spatial", "percent.mt", "pct_counts_mt", "leiden", "leiden_0.5", "nUMI",
     "seurat_clusters", "cluster", "cell_type", "library_id", "slide", "imagerow", "Barcode",
     "log1p_total_counts", "orig.ident", "n_counts", "layer"],
)  # fmt: skip
def test_known(name):
    assert is_known_column(name)


@pytest.mark.parametrize(
    "name",
    ["ACTB", "GENE00", "MT-CO1", "ENSG00000000003", "TOTO", "NAMPT", "CELF2", "LABEL1", "IDH1"],
)
def test_genes_are_not(name):
    assert not is_known_column(name)


def test_places():
    assert place_columns(["a", "X", "Y"]) == ("X", "Y")
    assert place_columns(["imagerow", "imagecol"]) == ("imagecol", "imagerow")
    assert place_columns(["x", "y", "pixel_x", "pixel_y"]) == ("pixel_x", "pixel_y")
    assert place_columns(["x", "z"]) is None
