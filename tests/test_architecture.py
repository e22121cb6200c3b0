"""The layout's promises: layers, no cycles, mirrored tests, a light import."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import spatialrag

SOURCE = Path(spatialrag.__file__).parent
TESTS = Path(__file__).parent
# A module imports only from stages above its own.
STAGES = [
    ["errors"],
    [
        "registry",
        "methods",
        "keys",
        "provenance",
        "progress",
        "pipeline",
        "compatibility",
        "toy",
        "escaping",
    ],
    ["names", "file_names", "file_kind", "asides", "web_address"],
    ["outputs", "web_watch"],
    ["replace", "web"],
    ["locks"],
    ["model_file", "tensor_file", "training", "anndata_file", "tables"],
    ["metrics", "slides", "graphs", "semantics"],
    ["expression"],
    ["solvers", "encoders", "domains"],
    ["bank"],
    ["cells"],
    ["datasets"],
    ["retrieval"],
    ["prediction"],
    ["explanation"],
    ["evaluation"],
    ["plots"],
    ["jobs"],
    ["workflow", "demo", "pp"],
    ["tl"],
    ["cli"],
]
STAGE_OF = {name: level for level, names in enumerate(STAGES) for name in names}


@cache
def modules():
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts): path
        for path in SOURCE.rglob("*.py")
        if path.name != "__init__.py"
    }


@cache
def imports_of(path):
    """Every package module a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spatialrag"):
            base = node.module.removeprefix("spatialrag").removeprefix(".")
            for alias in node.names:
                deeper = f"{base}.{alias.name}".strip(".")
                found.add(deeper if deeper in modules() else base)
    return found & set(modules())


def test_imports_only_from_stages_above():
    assert [fault for name, path in modules().items() for fault in faults_of(name, path)] == []


def faults_of(name, path):
    """Return each import of a module that is not from a stage above its own."""
    room = name.split(".")[0]
    others = {imported: imported.split(".")[0] for imported in sorted(imports_of(path))}
    return [
        f"{name} imports {imported}"
        for imported, other in others.items()
        if other != room and STAGE_OF[other] >= STAGE_OF[room]
    ]


def test_an_import_from_a_stage_below_is_found(tmp_path):
    """A name or a module, at the top or inside a function."""
    path = tmp_path / "made.py"
    path.write_text(
        "from spatialrag.errors import InputError\n"
        "from spatialrag.solvers import fista\n"
        "def late():\n    from spatialrag.bank.bank import Bank\n"
    )
    assert faults_of("metrics.made", path) == [
        "metrics.made imports bank.bank",
        "metrics.made imports solvers.fista",
    ]
    assert faults_of("prediction.made", path) == []


def test_no_import_cycles():
    graph = {name: imports_of(path) for name, path in modules().items()}
    assert list(TopologicalSorter(graph).static_order())


def test_method_rooms_never_import_each_other():
    shared = {"backbone", "fitting", "network", "store", "trained", "views"}
    rooms = {}
    for name in modules():
        parts = name.split(".")
        if parts[:2] == ["prediction", "backbones"] and parts[2] not in shared:
            rooms.setdefault(parts[2], []).append(name)
        elif parts[0] == "prediction" and parts[1] in {"generag", "ragst"}:
            rooms.setdefault(parts[1], []).append(name)
    assert len(rooms) == 11
    everything = {name for room in rooms.values() for name in room}
    for room in rooms.values():
        others = everything - set(room)
        for name in room:
            assert not imports_of(modules()[name]) & others, name


def test_domain_methods_never_import_each_other():
    shared = "domains.baselines.baseline"
    semst = [name for name in modules() if name.startswith("domains.semst.")]
    baselines = [n for n in modules() if n.startswith("domains.baselines.") and n != shared]
    assert len(baselines) == 3
    for room in [semst, *([name] for name in baselines)]:
        others = {*semst, *baselines} - set(room)
        for name in room:
            assert not imports_of(modules()[name]) & others, name


def test_every_test_file_mirrors_a_module():
    known = {
        *modules(),
        *("architecture", "chaos", "doctests", "fuzz", "examples", "version_0_1"),
        "solvers.scikit_learn",
    }
    for path in TESTS.rglob("test_*.py"):
        relative = path.relative_to(TESTS)
        if relative.parts[0] == "attacks":  # by kind of input, over all verbs
            continue
        name = ".".join([*relative.parts[:-1], path.stem.removeprefix("test_")])
        assert name in known, f"{relative} mirrors nothing"


def test_every_module_has_a_test_file():
    covered = {"cli.app", "errors", "keys", "progress"}  # cli verbs run together in cli/test_app
    for name in set(modules()) - covered:
        if name.startswith("cli."):
            continue
        parts = name.split(".")
        assert TESTS.joinpath(*parts[:-1], f"test_{parts[-1]}.py").exists(), f"{name} has no test"


def test_modules_stay_short():
    for name, path in modules().items():
        assert len(path.read_text().splitlines()) <= 400, f"{name} is too long"


def test_import_is_light():
    code = (
        "import sys, spatialrag, spatialrag.cli.app; "
        "print([m for m in ('torch', 'scanpy', 'squidpy', 'onnxruntime', 'numba') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_resolve():
    for name in spatialrag.__all__:
        assert getattr(spatialrag, name) is not None
