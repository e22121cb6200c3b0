import pytest

from spatialrag.errors import InputError
from spatialrag.expression.visium_layout import find_layout, name_of_folder


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


SPATIAL = ("spatial/tissue_positions.csv", "spatial/scalefactors_json.json")


def found(path, **options):
    layout = find_layout(path, **options)
    return layout.matrix.name, layout.positions.name, layout.factors and layout.factors.name


@pytest.mark.parametrize(
    "start", ["", "outs", "outs/spatial", "outs/filtered_feature_bc_matrix.h5"]
)
def test_outs_or_around_it(tmp_path, start):
    names = ("filtered_feature_bc_matrix.h5", "raw_feature_bc_matrix.h5", "molecule_info.h5")
    touch(tmp_path / "outs", *names, *SPATIAL)
    assert found(tmp_path / start) == (
        "filtered_feature_bc_matrix.h5",
        "tissue_positions.csv",
        "scalefactors_json.json",
    )


@pytest.mark.parametrize(
    ("names", "matrix", "raw"),
    [
        (["raw_feature_bc_matrix.h5"], "raw_feature_bc_matrix.h5", True),
        (["filtered_feature_bc_matrix/matrix.mtx.gz"], "filtered_feature_bc_matrix", False),
        (["raw_feature_bc_matrix/matrix.mtx"], "raw_feature_bc_matrix", True),
        (["filtered_gene_bc_matrices_h5.h5"], "filtered_gene_bc_matrices_h5.h5", False),
        (
            ["filtered_feature_bc_matrix/matrix.mtx.gz", "raw_feature_bc_matrix.h5"],
            "filtered_feature_bc_matrix",
            False,
        ),
    ],
)
def test_the_best_matrix(tmp_path, names, matrix, raw):
    layout = find_layout(touch(tmp_path, *names, *SPATIAL))
    assert (layout.matrix.name, layout.raw) == (matrix, raw)


@pytest.mark.parametrize(
    "names",
    [
        ("tissue_positions_list.csv", "scalefactors_json.json"),
        ("tissue_positions_list.csv.gz", "scalefactors_json.json.gz"),
        ("GSM1_tissue_positions_list.csv.gz", "GSM1_scalefactors_json.json.gz"),
        ("spatial/GSM1_tissue_positions.csv", "spatial/GSM1_scalefactors_json.json"),
        ("GSM1_spatial/tissue_positions.parquet", "GSM1_spatial/scalefactors_json.json"),
        ("positions.tsv", "scalefactors.json"),
    ],
)
@pytest.mark.parametrize(
    "matrix", ["GSM1_filtered_feature_bc_matrix.h5", "GSM1_matrix.mtx.gz", "GSM1.matrix.mtx"]
)
def test_flat_and_prefixed_as_geo_has_them(tmp_path, matrix, names):
    layout = find_layout(touch(tmp_path, matrix, *names))
    assert layout.matrix == tmp_path / matrix
    assert layout.positions == tmp_path / names[0]
    assert layout.factors == tmp_path / names[1]


def test_several_slides_in_a_folder(tmp_path):
    for prefix in ("GSM1_A", "GSM2_B"):
        touch(tmp_path, f"{prefix}_filtered_feature_bc_matrix.h5", f"{prefix}_tissue_positions.csv")
    with pytest.raises(InputError, match=r"(?s)matrices of 2 slides.*GSM1_A, GSM2_B"):
        find_layout(tmp_path)
    for name in ("GSM2_B", "B", "GSM2"):
        assert find_layout(tmp_path, library=name).positions.name == "GSM2_B_tissue_positions.csv"
    with pytest.raises(InputError, match="has no slide 'C'"):
        find_layout(tmp_path, library="C")


def test_bins_of_visium_hd(tmp_path):
    for side in ("002", "008", "016"):
        names = ("filtered_feature_bc_matrix.h5", "spatial/tissue_positions.parquet")
        touch(tmp_path / "outs" / "binned_outputs" / f"square_{side}um", *names)
    with pytest.raises(InputError, match=r"(?s)3 binnings.*square_008um"):
        find_layout(tmp_path)
    for path, library in (
        (tmp_path, "square_016um"),
        (tmp_path / "outs" / "binned_outputs", "square_016um"),
        (tmp_path / "outs" / "binned_outputs" / "square_016um", None),
    ):
        assert "square_016um" in str(find_layout(path, library=library).positions)
    touch(tmp_path / "seg", "segmented_outputs/x")
    with pytest.raises(InputError, match="segmented cells"):
        find_layout(tmp_path / "seg")


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(InputError, match="is not a Space Ranger output"):
        find_layout(tmp_path)
    touch(tmp_path, "filtered_feature_bc_matrix.h5")
    with pytest.raises(InputError, match=r"(?s)no spot positions.*tissue_positions_list.csv"):
        find_layout(tmp_path)
    only = touch(tmp_path / "p", "spatial/tissue_positions.csv")
    assert find_layout(only).matrix is None
    assert find_layout(only).factors is None


def test_names(tmp_path):
    for path in ("S1/outs", "S1", "S1/outs/binned_outputs/square_008um", "S1/outs/spatial"):
        assert name_of_folder(tmp_path / path) == "S1"
