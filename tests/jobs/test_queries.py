import numpy as np
import pandas as pd
import pytest

from spatialrag.errors import InputError
from spatialrag.jobs.queries import QuerySlide


def test_spots_of_a_file_or_in_memory_on_one_open_slide(toy_sections, slides_read, tmp_path):
    section = toy_sections[3]
    pd.DataFrame(section.xy, section.spots, ["x", "y"]).to_csv(tmp_path / "spots.csv")
    read = QuerySlide("toy4", section.image, tmp_path / "spots.csv", mpp=1.0)
    given = QuerySlide("toy4", spots=section.located)
    for query in (read, given):
        with query.opened() as (spots, slide):
            assert slide.path == spots.image == section.image
            np.testing.assert_array_equal(spots.xy, section.xy)
            assert spots.mpp == 1.0
    assert slides_read.opened == ["toy4.jpg", "toy4.jpg"]
    assert slides_read.closed == 2


def test_a_grid_without_spots(toy_sections):
    image = toy_sections[3].image
    with QuerySlide("q", image, grid_um=200, mpp=1.0).opened() as (spots, _):
        steps = np.diff(np.unique(spots.xy[:, 0]))
    np.testing.assert_allclose(steps, 200)
    with pytest.raises(InputError, match="--spots with it"):
        QuerySlide("q", image, pitch_um=100)


def test_spots_without_an_image(toy_sections, tmp_path):
    section = toy_sections[3]
    pd.DataFrame(section.xy, section.spots, ["x", "y"]).to_csv(tmp_path / "spots.csv")
    with QuerySlide("toy4", spots=tmp_path / "spots.csv").opened() as (spots, slide):
        assert slide is None
        assert len(spots.spots) == section.n_spots
    with pytest.raises(InputError, match="neither spots nor an image"), QuerySlide("q").opened():
        pass


def test_the_slide_is_closed_when_work_fails(toy_sections, slides_read):
    with (
        pytest.raises(RuntimeError),
        QuerySlide("toy4", spots=toy_sections[3].located).opened(),
    ):
        raise RuntimeError
    assert slides_read.closed == 1
