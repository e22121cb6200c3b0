import ast
import re
from pathlib import Path

import pytest

import spatialrag
from spatialrag import registry
from spatialrag.cli.arguments import BackboneName
from spatialrag.errors import InputError, MissingDependencyError

POINTS = [
    registry.encoders,
    registry.backbones,
    registry.solvers,
    registry.expression_readers,
    registry.slide_readers,
]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.point)
def test_every_builtin_name_loads(point):
    assert all(callable(point.get(name)) for name in point.builtin)


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
    point = registry.Registry("solvers", {"mine": "needs_more:Part"}, extra="fast")
    with pytest.raises(MissingDependencyError, match=r"(?s)no_such_package.*solver 'mine'.*fast"):
        point.get("mine")
    with pytest.raises(ModuleNotFoundError):
        registry.Registry("solvers", {"mine": "needs_more:Part"}).get("mine")


SOURCE = Path(spatialrag.__file__).parent
ROOT = Path(__file__).parents[1]
# NAME:WHERE as help, docstrings and pages write it.
QUOTED = re.compile(
    r"(?<![\w./:{-])([a-z][a-z0-9_.+-]*):(?=PATH|FOLDER|FILE|DIR|URL|MODEL|ENCODER|TABLE|@COMMIT)"
)
TABLES = {"genes", "table"}  # of semantics, read from a file without an embedder


def quoted_texts():
    """Every docstring, message and help text of the sources, and every page."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.value
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("*.md")]
    for path in pages:
        yield str(path), path.read_text()


def test_names_that_are_quoted_are_registered():
    known = {*registry.encoders.names(), *registry.embedders.names(), *TABLES}
    found = [(where, name) for where, text in quoted_texts() for name in QUOTED.findall(text)]
    assert {name for _, name in found} >= {"language_model", "onnx", "precomputed", "genes"}
    assert [(where, name) for where, name in found if name not in known] == []


def test_lists_of_names_are_those_of_the_registry():
    by_name = set(registry.backbones.builtin) - {"from_file"}
    assert set(re.findall(r"\w+", BackboneName.__metadata__[0].help)) >= by_name
    page = (ROOT / "docs/howto/add_a_backbone.md").read_text()
    listed = page.partition("## One that is here")[2].partition("```")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == by_name
    table = (ROOT / "docs/methods/semst.md").read_text().partition("| `--semantics` |")[2]
    rows = [line.split("|")[1] for line in table.partition("\n\n")[0].splitlines()[2:]]
    named = {name for row in rows for name in re.findall(r"`([a-z]\w*)", row)}
    assert named - TABLES - {"random", "random_genes"} == set(registry.embedders.builtin)
