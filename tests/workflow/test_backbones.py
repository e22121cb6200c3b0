import pytest

from spatialrag.errors import InputError
from spatialrag.prediction.backbones.linear import Linear
from spatialrag.workflow.backbones import configured


def test_nothing_stated_is_the_default():
    assert configured("linear", {}) == Linear()
    assert configured("linear", {"components": 8}) == Linear(components=8)


def test_a_network_s_settings_and_those_of_its_training():
    pytest.importorskip("torch")
    from spatialrag.prediction.backbones.bleep.bleep import BLEEP

    published = configured("bleep", {"preset": "published", "epochs": 5, "width": 8})
    assert published.fitting.epochs == 5
    assert published.fitting.batch == BLEEP.published().fitting.batch
    assert published.width == 8
    assert published.components is None


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"componets": 3}, "did you mean 'components'"),
        ({"preset": "published"}, "has no preset 'published'"),
        ({"preset": "best"}, "has no preset 'best'"),
        ({"components": 0}, "components must be at least 1"),
    ],
)
def test_faults_name_the_backbone_and_the_setting(stated, message):
    with pytest.raises(InputError, match=message):
        configured("linear", stated)


def test_what_the_experiment_decides_is_no_setting():
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="unknown setting 'seed'"):
        configured("probe", {"seed": 3})
