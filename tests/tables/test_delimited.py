import pytest

from spatialrag.errors import InputError
from spatialrag.tables.delimited import parse


def cells(text, **options):
    found = parse(text, name="t.csv", **options)
    return found.header, found.cells.to_numpy(object).tolist(), found.separator


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_the_separator_is_found(separator):
    text = ",x,y\nA,1.5,2\nB,3,4\n".replace(",", separator)
    header, rows, found = cells(text)
    assert (header, found) == (["", "x", "y"], separator)
    assert rows == [["A", 1.5, 2], ["B", 3, 4]]


def test_semicolons_with_decimal_commas():
    assert cells(";x;y\nA;140,0;40,5\n")[1:] == ([["A", "140,0", "40,5"]], ";")
    assert cells(";x\nA;140,0\n")[1:] == ([["A", "140,0"]], ";")
    assert cells("\tx\nA\t140,0\n")[1:] == ([["A", "140,0"]], "\t")


def test_tables_of_r():
    assert cells('"x" "y"\n"A 1" 1 2\n', usual="\t")[:2] == (["", "x", "y"], [["A 1", 1, 2]])
    assert cells("x\ty\nA\t1\t2\n", usual="\t")[:2] == (["", "x", "y"], [["A", 1, 2]])
    assert cells("slide\nP 1\n")[1] == [["P 1"]]  # blanks are part of a name


def test_excel():
    assert cells("sep=;\na;b\n1;2\n")[:2] == (["a", "b"], [["1", 2]])
    assert cells("sep=\t\na\tb\n1\t2\n")[:2] == (["a", "b"], [["1", 2]])
    assert cells("a,b,\n1,2,\n3,4,\n")[1] == [["1", 2, ""], ["3", 4, ""]]
    assert cells("a,b\n1,2,\n3,4,\n")[:2] == (["a", "b"], [["1", 2], ["3", 4]])
    found = parse("a,b\n1,2\n,\n,\n", name="t.csv")
    assert len(found.cells) == 1
    assert "2 rows of t.csv without a single value" in found.notes[0]


def test_text_columns_stay():
    _, rows, _ = cells("n,id,v\n007,1e2,1e2\n1,NA,3\n", as_text={"id"})
    assert rows == [["007", "1e2", 100.0], ["1", "NA", 3.0]]
    _, rows, _ = cells("n,v\n1,True\n2,nan\n", as_text=None)
    assert rows == [["1", "True"], ["2", "nan"]]


def test_header_or_none():
    assert cells("a,1,2\nb,3,4\n", header=None)[0] is None
    assert cells("barcode,x,y\nb,3,4\n", header=None)[0] == ["barcode", "x", "y"]
    assert len(cells("a,1,2\nb,3,4\n", header=False)[1]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,c\n1,2,3\n4,5,6\n7,8\n", r"line 4 .* 2 fields \(the last line: is the file cut"),
        ("a,b,c\n1,2,3\n4,5\n7,8,9\n", "line 3 .* has 2 fields"),
        ("a,b,c\n1,2,3\n4,5,6,7\n8,9,1\n", "line 3 .* has 4 fields"),
        ('a,b\n"x,1\ny,2\n', "quotation mark"),
        ('a,b\n"x"y,1\n', "quotation mark"),
    ],
)
def test_refused(text, message):
    with pytest.raises(InputError, match=message):
        parse(text, name="t.csv")


def test_quoted_fields():
    assert cells('a,b\n"x,1",2\n"y\nz",3\n')[1] == [["x,1", 2], ["y\nz", 3]]
