import warnings

import numpy as np
import pandas as pd
import pytest

from spatialrag.bank.build import build_bank
from spatialrag.encoders.embedding import embed
from spatialrag.encoders.precomputed import Precomputed, from_spec
from spatialrag.encoders.vector_files import VectorFile
from spatialrag.errors import InputError
from spatialrag.file_names import file_name
from spatialrag.slides.spots import Spots

SPOTS = Spots("s1", ["b", "a"], np.array([[0.0, 0], [1, 1]]))
VALUES = np.array([[1.0, 2, 3], [4, 5, 6]])
CENTRES = np.stack(np.meshgrid(np.arange(8.0), np.arange(5.0)), axis=-1).reshape(-1, 2) * 100 + 300


def test_joined_by_name(tmp_path):
    pd.DataFrame(VALUES, index=["a", "b"]).to_csv(tmp_path / "s1.csv")
    result = embed(SPOTS, encoder=f"precomputed:{tmp_path}", context=0)
    np.testing.assert_array_equal(result.vectors, VALUES[::-1])
    assert result.mpp is None


def test_joined_by_place_where_there_are_no_names():
    """Spots off the tiles' centres by less than half a tile, in another order."""
    order = np.random.default_rng(0).permutation(len(CENTRES))
    vectors = np.arange(len(CENTRES) * 2.0).reshape(-1, 2)
    encoder = Precomputed({"s": VectorFile(vectors, None, CENTRES, 100.0)})
    spots = Spots("s", order.astype(str), CENTRES[order] + [30, -40])
    np.testing.assert_array_equal(encoder.lookup(spots), vectors[order])


def test_spots_without_a_vector_are_left_out_up_to_a_limit(toy_sections):
    section = toy_sections[0]
    n = section.n_spots
    vectors = np.random.default_rng(0).normal(size=(n, 4))
    encoder = Precomputed({section.slide: (section.spots[3:], vectors[3:])})
    with pytest.warns(UserWarning, match=f"3 of {n} spots of 'toy1' have no vector"):
        found = embed(section, encoder=encoder, context=0)
    np.testing.assert_allclose(found.vectors, vectors[3:], rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bank = build_bank([section], encoder=encoder, context=0, thumbnail_px=8)
    assert bank.references["barcode"].tolist() == section.spots[3:].tolist()
    np.testing.assert_allclose(bank.embeddings, vectors[3:], rtol=1e-6)
    with pytest.raises(InputError, match=f"3 of {n} spots"):
        Precomputed({section.slide: (section.spots[3:], vectors[3:])}, limit=0.0).lookup(
            section.located
        )


def test_corners_taken_for_centres_are_recognized():
    """A file that states centres where corners are expected: everything lies half a tile off."""
    found = VectorFile(np.ones((len(CENTRES), 2)), None, CENTRES * 4 + 50, 100.0)
    spots = Spots("s", np.arange(len(CENTRES)), CENTRES * 4 - 2)
    with pytest.raises(InputError, match="100% would fit if coords were centres"):
        Precomputed({"s": found}).lookup(spots)


def test_other_pixels_are_recognized():
    found = VectorFile(np.ones((len(CENTRES), 2)), None, CENTRES, 100.0)
    spots = Spots("s", np.arange(len(CENTRES)), CENTRES * 16)
    with pytest.raises(InputError, match="both in pixels of the full resolution"):
        Precomputed({"s": found}).lookup(spots)


def test_what_is_missing_is_named(tmp_path):
    encoder = Precomputed({"s1": (np.array(["a"]), VALUES[:1])})
    with pytest.raises(InputError, match="1 of 2 spots .* no precomputed vector: b"):
        encoder.lookup(SPOTS)
    with pytest.raises(InputError, match="no precomputed vectors for slide 's1'"):
        Precomputed({"other": (np.array(["a"]), VALUES[:1])}).lookup(SPOTS)
    with pytest.raises(InputError, match="no precomputed vectors in"):
        from_spec(str(tmp_path))
    with pytest.raises(InputError, match="one dim"):
        Precomputed({"a": (["x"], VALUES[:1]), "b": (["x"], VALUES[:1, :2])})
    with pytest.raises(InputError, match="share of spots"):
        Precomputed({"a": (["x"], VALUES[:1])}, limit=1.5)


def write(folder, **arrays):
    for name, values in arrays.items():
        np.savez(folder / f"{name.replace('_', '.')}.npz", embeddings=values, barcodes=["a", "b"])


def test_a_slide_gets_the_file_of_its_exact_name(tmp_path):
    """P1 never gets what belongs to P1.B; hidden files and notes are no slides."""
    write(tmp_path, P1_A=VALUES, P1_B=VALUES + 10, s1=VALUES + 20)
    (tmp_path / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (tmp_path / "._P1.A.npz").write_bytes(b"\x00")
    (tmp_path / "README.md").write_text("vectors")
    encoder = from_spec(str(tmp_path))
    for slide, shift in (("P1.A", 0), ("P1.B", 10), ("s1", 20)):
        spots = Spots(slide, ["b", "a"], np.array([[0.0, 0], [1, 1]]))
        np.testing.assert_array_equal(encoder.lookup(spots), VALUES[::-1] + shift)
    for slide in ("P1", "P1.C"):
        with pytest.raises(InputError, match=r"(?s)no precomputed vectors.*exactly as the slide"):
            encoder.lookup(Spots(slide, ["a"], np.zeros((1, 2))))


def test_two_files_of_one_slide_are_refused(tmp_path):
    write(tmp_path, s1=VALUES)
    pd.DataFrame(VALUES, index=["a", "b"]).to_csv(tmp_path / "s1.csv")
    with pytest.raises(
        InputError, match=r"(?s)several files of vectors for slide 's1'.*s1.csv, s1.npz"
    ):
        from_spec(str(tmp_path))


def test_names_that_a_file_system_minds(tmp_path):
    """`spatialrag embed` writes by `file_name`; the same name finds the file."""
    slide = "lung (left) 2"
    np.savez(tmp_path / f"{file_name(slide)}.npz", embeddings=VALUES, barcodes=["a", "b"])
    spots = Spots(slide, ["b", "a"], np.array([[0.0, 0], [1, 1]]))
    np.testing.assert_array_equal(from_spec(str(tmp_path)).lookup(spots), VALUES[::-1])
