import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.expression.library import label_text, libraries_of, select_library

RNG = np.random.default_rng(0)
CODES = ["".join(RNG.choice(list("ACGT"), 16)) for _ in range(20)]
GRID = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2) * 100


def select(obs, *, pictures=(), xy=None, library=None, slide=None):
    return select_library(
        obs, {key: {} for key in pictures}, xy, library=library, slide=slide, subject="f"
    )


def two(column, **options):
    names = [f"{code}-1-{each}" for each in ("0", "1") for code in CODES]
    return pd.DataFrame({column: ["A"] * 20 + ["B"] * 20}, index=options.get("index", names))


@pytest.mark.parametrize("column", ["library_id", "slide", "sample", "batch"])
def test_one_is_selected_by_name_or_all_refused(column):
    obs = two(column)
    with pytest.raises(
        InputError, match=r"(?s)several slides.*A \(20 spots\), B \(20.*library='A'"
    ):
        select(obs)
    for options in ({"library": "B"}, {"slide": "B"}, {"library": f"{column}=B"}):
        found = select(obs, **options)
        assert found.spots.tolist() == [False] * 20 + [True] * 20
        assert found.notes == ("20 of 40 spots of f are of other slides (A) and left out",)
    with pytest.raises(InputError, match=r"(?s)no slide 'C'.*A, B"):
        select(obs, library="C")
    with pytest.raises(InputError, match="several slides"):
        select(obs, slide="S1")


def test_any_column_by_its_name():
    obs = pd.DataFrame({"chip": ["x", "y"]}, index=["a", "b"])
    assert select(obs, library="chip=y").spots.tolist() == [False, True]
    with pytest.raises(InputError, match="chip= one of x, y"):
        select(obs, library="chip=z")


def test_signs_without_a_column():
    obs = two("other")
    with pytest.raises(InputError, match=r"(?s)no column says.*20 barcodes occur twice"):
        select(obs)
    with pytest.raises(InputError, match="2 libraries in uns"):
        select(pd.DataFrame(index=["a", "b"]), pictures=("A", "B"))
    with pytest.raises(InputError, match="40 of 40 spots lie where another lies"):
        select(pd.DataFrame(index=range(40)), xy=np.concatenate([GRID, GRID]))


def test_parts_of_one_slide_are_no_slides():
    """Regions that lie side by side; a column that a subset of a merged file keeps."""
    obs = pd.DataFrame({"section": np.where(GRID[:, 0] < 250, "left", "right")}, index=CODES)
    assert select(obs, xy=GRID).spots.all()
    moved = GRID + RNG.uniform(-50, 50, 2)
    both = pd.DataFrame({"section": ["A"] * 20 + ["B"] * 20}, index=range(40))
    with pytest.raises(InputError, match="several slides"):
        select(both, xy=np.concatenate([GRID, moved]))
    one = pd.DataFrame({"library_id": ["A"] * 20}, index=CODES)
    assert select(one, pictures=("A", "B")).spots.all()
    assert select(pd.DataFrame(index=CODES), pictures=("A",)).library == "A"
    assert select(pd.DataFrame(index=CODES), pictures=("A",), library="A").spots.all()


def test_missing_names_are_shown():
    obs = pd.DataFrame({"library_id": ["A", None, np.nan, "A"]}, index=CODES[:4])
    with pytest.raises(InputError, match=r"without a name \(2 spots\)"):
        select(obs)


def test_labels_and_pictures():
    values = [1.0, "a ", None, np.nan, pd.NA, 2, 1.5]
    assert [label_text(v) for v in values] == ["1", "a", "", "", "", "2", "1.5"]
    assert libraries_of({"spatial": np.ones(2)}) == {}
    assert list(libraries_of({"spatial": {"A": {}, "is_single": True}})) == ["A"]
