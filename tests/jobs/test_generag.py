import pytest

from spatialrag.errors import InputError
from spatialrag.evaluation.methods import OnScale, standard_rows
from spatialrag.jobs.devices import Devices
from spatialrag.jobs.generag import InitialFile, Retrieval, read_anchors
from spatialrag.prediction.generag.generag import GeneRAG
from spatialrag.prediction.generag.tuning import ImageWeightChosen

CPU = Devices()


def test_nothing_stated_is_the_default():
    assert Retrieval().settings(CPU) == GeneRAG()
    stated = Retrieval(image_weight=0.3, strength=0.1, missing="drop", scale="log1p").settings(CPU)
    assert (stated.image_weight, stated.strength) == (0.3, 0.1)
    assert (stated.missing, stated.scale) == ("drop", "log1p")


def test_published_settings_are_those_of_the_rows(plain_bank):
    """The same names, strengths and anchors as in the table of `loso`."""
    rows = {row.name: row.method for row in standard_rows(GeneRAG(), plain_bank)}
    for preset in ("paper", "released_lognorm"):
        stated = Retrieval(preset=preset)
        assert stated.predictor(stated.settings(CPU), plain_bank, CPU) == rows[f"generag_{preset}"]
    stated = Retrieval(preset="released")
    method = stated.predictor(stated.settings(CPU), plain_bank, CPU)
    assert method == rows["generag_released"].method  # on counts, with its citations
    stated = Retrieval(preset="released", scale="log1p_cp10k")
    assert isinstance(stated.predictor(stated.settings(CPU), plain_bank, CPU), OnScale)


def test_a_tuned_method_chooses_its_image_weight(little_bank):
    stated = Retrieval(tuned=True)
    method = stated.predictor(stated.settings(CPU), little_bank, CPU)
    assert isinstance(method, ImageWeightChosen)
    assert method.generag == GeneRAG()


def test_predictions_of_someone_else_need_no_image(tmp_path):
    (tmp_path / "p.csv").write_text("spot,ERBB2\na,1\n")
    initial = InitialFile(tmp_path / "p.csv", "log1p")
    assert Retrieval(initial=initial).settings(CPU).image_weight == 0
    assert Retrieval(initial=initial, image_weight=0.4).settings(CPU).image_weight == 0.4


def test_stated_settings_take_the_place_of_the_defaults():
    stated = {"smoothing": 0.0, "centring": 0.5, "context_um": (200.0,), "strength": 0.1}
    assert Retrieval(**stated).settings(CPU) == GeneRAG(**stated)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"preset": "best"}, "unknown preset"),
        ({"preset": "paper", "image_weight": 0.5}, "fixes anchors and all settings"),
        ({"preset": "paper", "smoothing": 0.5}, "leave --image-weight, --strength, --smoothing"),
        ({"preset": "paper", "tuned": True}, "fixes anchors and all settings"),
        ({"preset": "released", "anchors": "coexpressed"}, "fixes anchors and all settings"),
        ({"tuned": True, "image_weight": 0.1}, "is to be chosen"),
        ({"initial": InitialFile("p.npy"), "tuned": True}, "which --initial cannot be"),
        ({"initial": InitialFile("p.npy"), "backbone": "probe"}, "two initial predictions"),
        ({"missing": "skip"}, "unknown missing"),
    ],
)
def test_options_of_which_one_would_do_nothing(stated, message):
    with pytest.raises(InputError, match=message):
        Retrieval(**stated)


@pytest.mark.parametrize("stated", [{"image_weight": 7}, {"scale": "tpm"}, {"backbone": "none"}])
def test_bad_values_before_a_bank_is_read(stated):
    with pytest.raises(InputError):
        Retrieval(**stated).settings(CPU)


def test_anchors_of_a_file(tmp_path):
    (tmp_path / "anchors.txt").write_text("ERBB2\nCD3D\n")
    assert read_anchors(str(tmp_path / "anchors.txt")) == ["ERBB2", "CD3D"]
    assert read_anchors("coexpressed") == "coexpressed"
    with pytest.raises(InputError, match="unknown anchor genes"):
        read_anchors("loud")
