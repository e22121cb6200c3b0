import pytest

from spatialrag import registry
from spatialrag.errors import InputError, MissingDependencyError

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


def test_an_absent_package_is_named_with_its_extra(tmp_path, monkeypatch):
    (tmp_path / "needs_more.py").write_text("import no_such_package.part")
    monkeypatch.syspath_prepend(tmp_path)
    seam = registry.Registry("solvers", {"mine": "needs_more:Part"}, extra="fast")
    with pytest.raises(MissingDependencyError, match=r"(?s)no_such_package.*solver 'mine'.*fast"):
        seam.get("mine")
    with pytest.raises(ModuleNotFoundError):
        registry.Registry("solvers", {"mine": "needs_more:Part"}).get("mine")
