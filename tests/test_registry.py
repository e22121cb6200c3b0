import pytest

from spatialrag import registry
from spatialrag.errors import InputError

SEAMS = [
    registry.encoders,
    registry.backbones,
    registry.solvers,
    registry.expression_readers,
    registry.slide_readers,
]


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.seam)
def test_every_builtin_name_loads(seam):
    assert all(callable(seam.get(name)) for name in seam.builtin)


def test_unknown_name_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean 'color'"):
        registry.encoders.get("colour")


def test_entry_points_add_names(monkeypatch):
    class Point:
        name = "mine"

        @staticmethod
        def load():
            return dict

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point] * group.endswith("solvers"))
    assert "mine" in registry.solvers.names()
    assert registry.solvers.get("mine") is dict
    assert "mine" not in registry.encoders.names()
