import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from spatialrag.errors import InputError
from spatialrag.expression.read import read_positions, read_section
from spatialrag.expression.table import read_frame, read_numbers, read_table, read_table_spots

FRAME = pd.DataFrame(
    {"x": [1.5, 2.5], "y": [0.0, 1.0], "A": [3, 0], "B": [1, 2]}, index=["s1", "s2"]
)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.tsv.gz", "a.parquet", "a.txt", "a.CSV"])
def test_formats(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, sep="," if "csv" in name.lower() else "\t")
    section = read_table(path, slide="s")
    assert section.genes.tolist() == ["A", "B"]
    assert section.xy.tolist() == [[1.5, 0], [2.5, 1]]
    assert section.expression.toarray().tolist() == [[3, 1], [0, 2]]


def test_bad_tables(tmp_path):
    FRAME.assign(A=["3", "many"]).to_csv(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"(?s)cells that are not numbers.*'many' in row 's2'"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_frame(tmp_path / "b.csv")
    (tmp_path / "c.xlsx").touch()
    with pytest.raises(InputError, match="unknown table format"):
        read_frame(tmp_path / "c.xlsx")


def section(tmp_path, frame, **options):
    frame.to_csv(tmp_path / "t.csv", index=options.pop("index", True))
    return read_section(tmp_path / "t.csv", **options)


def test_columns_that_describe_spots_are_no_genes(tmp_path):
    described = FRAME.assign(
        in_tissue=[1, 1], array_row=[0, 1], n_counts=[4, 2], leiden=[0, 1], note=["u", "v"]
    )
    found = section(tmp_path, described)
    assert found.genes.tolist() == ["A", "B"]
    assert found.totals.tolist() == [4, 2]
    assert found.obs["note"].tolist() == ["u", "v"]
    assert (
        "columns of t that are no genes: in_tissue, array_row, n_counts, leiden, note"
        in found.notes
    )
    assert section(tmp_path, described.assign(in_tissue=[0, 1])).spots.tolist() == ["s2"]


def test_names_are_text(tmp_path):
    names = ["007", "1e2", "NA"]
    frame = pd.DataFrame({"A": [1, 2, 3], "B": [4, 5, 6]}, index=names)
    assert section(tmp_path, frame).spots.tolist() == names
    indexed = frame.reset_index(names="barcode")
    found = section(tmp_path, indexed)
    assert found.spots.tolist() == names
    assert "its column 'barcode'" in found.notes[0]
    assert section(tmp_path, indexed.iloc[:, [1, 2, 0]], index=False).spots.tolist() == names


def test_repeated_genes_and_spots_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"duplicate column names: A \(2 times\)"):
        section(tmp_path, FRAME.set_axis(["x", "y", "A", "A"], axis=1))
    with pytest.raises(InputError, match="duplicate spot names: s1"):
        section(tmp_path, FRAME.set_axis(["s1", "s1 "]))


def test_fractions_are_no_counts(tmp_path):
    logs = FRAME.assign(A=[0.5, 1.5], B=[0.1, 0.2])
    with pytest.raises(InputError, match="scale is not stated"):
        section(tmp_path, logs)
    assert section(tmp_path, logs, scale="log1p").scale == "log1p"
    with pytest.raises(InputError, match=r"(?s)remove the columns score if they are no genes"):
        section(tmp_path, FRAME.assign(score=[0.5, 0.7]))
    with pytest.raises(InputError, match="negative"):
        section(tmp_path, FRAME.assign(A=[-1, 2]))


def test_one_of_several_slides(tmp_path):
    both = pd.concat([FRAME.assign(slide="A"), FRAME.assign(slide="B", A=[9, 9])])
    with pytest.raises(InputError, match=r"several slides \(column 'slide'\)"):
        section(tmp_path, both)
    assert section(tmp_path, both, slide="B").expression.toarray()[:, 0].tolist() == [9, 9]
    assert section(tmp_path, both, slide="S", library="A").totals.tolist() == [4, 2]
    names, xy, notes = read_table_spots(tmp_path / "t.csv", slide="A")
    assert names.tolist() == ["s1", "s2"]
    assert xy.tolist() == [[1.5, 0], [2.5, 1]]
    assert "2 of 4 spots of A (t) are of other slides (B)" in notes[0]


def test_positions_in_other_words_and_numbers(tmp_path):
    (tmp_path / "p.csv").write_text(";imagerow;imagecol\na;1,5;2,0\nb;3,0;4,25\n")
    with pytest.warns(UserWarning, match="decimal commas"):
        spots = read_positions(tmp_path / "p.csv", slide="s")
    assert spots.xy.tolist() == [[2, 1.5], [4.25, 3]]
    (tmp_path / "p.csv").write_text(",x,y\na,1,2\nb,n/a?,3\n")
    with pytest.raises(InputError, match=r"(?s)'n/a\?' in row 'b', column 'x'"):
        read_positions(tmp_path / "p.csv", slide="s")


def test_a_depth_that_varies_is_refused(tmp_path):
    for read in (lambda: section(tmp_path, FRAME.assign(z=[0, 9])),
                 lambda: read_table_spots(tmp_path / "t.csv", slide="s")):  # fmt: skip
        with pytest.raises(InputError, match="a depth z that varies"):
            read()
    assert section(tmp_path, FRAME.assign(z=5)).genes.tolist() == ["A", "B"]


def test_what_a_table_has_not_is_refused(tmp_path):
    for options in ({"layer": "raw"}, {"gene_column": "gene_ids"}):
        with pytest.raises(InputError, match="cannot be read with"):
            section(tmp_path, FRAME, **options)
    with pytest.raises(InputError, match="holds no genes"):
        section(tmp_path, FRAME[["x", "y"]])


def test_numbers_alone(tmp_path):
    FRAME.to_csv(tmp_path / "t.csv")
    assert read_numbers(tmp_path / "t.csv", kind="spot").loc["s2", "B"] == 2
    FRAME.assign(note="u").to_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="not numbers"):
        read_numbers(tmp_path / "t.csv", kind="spot")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(alphabet="0aéN A-", max_size=4), min_size=1, max_size=4),
    st.lists(st.sampled_from(["A", "B", "x", "y", "in_tissue", "slide", "A ", ""]), max_size=4),
    st.lists(st.sampled_from(["1", "0", "2", "1.5", "-1", "", "n", "1,5", "nan"]), min_size=16),
)
def test_hostile_tables(tmp_path_factory, rows, columns, cells):
    """The counts as written, or an `InputError`; nothing else."""
    lines = [["", *columns]]
    for i, row in enumerate(rows):
        lines.append([row, *cells[4 * i : 4 * i + len(columns)]])
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("\n".join(",".join(f'"{cell}"' for cell in line) for line in lines))
    try:
        found = read_table(path)
    except InputError:
        return
    written = pd.DataFrame([line[1:] for line in lines[1:]], [r.strip() for r in rows], columns)
    written.columns = [column.strip() for column in columns]
    kept = written.loc[found.spots, found.genes].astype(float)
    np.testing.assert_array_equal(found.expression.toarray(), kept)
