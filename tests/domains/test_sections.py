import numpy as np
import pandas as pd
import pytest

from spatialrag.domains.sections import following_sections, refuse_several, section_labels
from spatialrag.errors import InputError


def grid(n=6):
    return np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) * 1.0


def test_labels_are_text_and_whole():
    obs = pd.DataFrame({"sample": [1.0, 2.0, 1.0], "part": pd.Categorical([" a", "b", None])})
    assert section_labels(obs, "sample").tolist() == ["1", "2", "1"]
    with pytest.raises(InputError, match=r"1 of 3 spots have no section(.|\n)*none for 2"):
        section_labels(obs, "part")
    obs["part"] = ["a", "NaN", "b"]
    with pytest.raises(InputError, match="1 of 3 spots have no section"):
        section_labels(obs, "part")
    with pytest.raises(InputError, match=r"no 'slide'(.|\n)*sample, part"):
        section_labels(obs, "slide")


def test_several_sections_unsaid_are_refused_by_the_column_that_names_them():
    xy = np.concatenate([grid(), grid() + 0.3])
    names = [f"s{i}" for i in range(72)]
    obs = pd.DataFrame({"library_id": np.repeat(["A", "B"], 36)}, index=names)
    with pytest.raises(InputError, match=r"A \(36 spots\)(.|\n)*--section library_id"):
        refuse_several(obs, {}, xy, subject="f.h5ad")
    # A column that may name parts of one section counts where spots lie over each other.
    batch = obs.rename(columns={"library_id": "batch"})
    with pytest.raises(InputError, match="--section batch"):
        refuse_several(batch, {}, xy, subject="f.h5ad")
    refuse_several(
        batch, {}, np.concatenate([grid(), grid() + np.array([10, 0])]), subject="f.h5ad"
    )
    twice = pd.DataFrame(index=[f"{'ACGT' * 4}-{i % 36}" for i in range(72)])
    with pytest.raises(InputError, match="barcodes occur twice"):
        refuse_several(twice, {}, xy, subject="f.h5ad")


def test_cells_at_one_place_are_no_sign_of_several_sections():
    obs = pd.DataFrame(index=[f"c{i}" for i in range(72)])
    refuse_several(obs, {}, np.concatenate([grid(), grid()]), subject="f.h5ad")


def test_domains_that_follow_sections_are_told():
    sections = np.repeat(["a", "b"], 100)
    assert "2 of 2 are one section each" in following_sections(sections == "a", sections)
    mixed = np.tile(["1", "2", "3", "4"], 50)
    assert following_sections(mixed, sections) == ""
    assert following_sections(np.repeat("1", 200), sections) == ""
    halves = np.where(sections == "a", mixed, np.char.add(mixed, "b"))
    assert "0 of 8" not in following_sections(np.repeat(["1", "2", "3"], [95, 5, 100]), sections)
    assert following_sections(halves, sections) == ""  # four of eight: half of what there is
