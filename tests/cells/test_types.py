import pytest

from spatialrag.cells.types import identity, read_type_map
from spatialrag.errors import InputError


def test_shipped_map_merges_and_drops():
    found = read_type_map("breast_major")
    assert found.name == "breast_major"
    assert found.apply(["Cancer Epithelial", "NK", "CAFs/Fibroblast"], source="x").tolist() == [
        "Epithelial",
        "",
        "CAFs",
    ]
    assert found.merged["Epithelial"] == ["Cancer Epithelial", "Normal Epithelial", "Epithelial"]
    assert found.dropped == ["NK", "Adipocyte", "ambiguous"]


def test_labels_in_no_line_are_listed():
    with pytest.raises(InputError, match=r"(?s)2 labels of mine.*Neuron, Oligo.*--type-map"):
        read_type_map("breast_major").apply(["Neuron", "NK", "Oligo"], source="mine")


def test_identity_keeps_labels():
    assert identity(["a", "b"]).apply(["b", "a"], source="x").tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\tkind\na\tb\n", "lacks the column type"),
        ("label\ttype\na\tb\na\tc\n", "names labels twice"),
        ("label\ttype\na\t\n", "names no type"),
    ],
)
def test_bad_files(tmp_path, text, message):
    path = tmp_path / "map.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_type_map(path)


def test_no_such_map():
    with pytest.raises(InputError, match="breast_major"):
        read_type_map("breast_mayor")


def test_names_are_text_and_trimmed(tmp_path):
    (tmp_path / "m.tsv").write_text("\ufefflabel\ttype\n# note\n007 \tT \nNA\t\n")
    found = read_type_map(tmp_path / "m.tsv")
    assert found.types == {"007": "T", "NA": None}
    for content in (b"", b"label\ttype\n\xe9\tx\n", b"<html>", b"label\ttype\nx\n"):
        (tmp_path / "m.tsv").write_bytes(content)
        with pytest.raises(InputError, match="m.tsv"):
            read_type_map(tmp_path / "m.tsv")
    (tmp_path / "m.tsv").write_text("label\ttype\nx\ta\nx \tb\n")
    with pytest.raises(InputError, match="names labels twice"):
        read_type_map(tmp_path / "m.tsv")
