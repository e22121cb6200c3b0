import subprocess
import sys

import pytest

from spatialrag.cli.app import load_verb
from spatialrag.cli.verbs import VERBS

HEAVY = ("numpy", "pandas", "scipy", "matplotlib", "sklearn", "skimage", "anndata", "zarr")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_line_in_the_table_is_the_first_of_the_verbs_own_help(verb):
    command = load_verb(verb.name)
    assert command.name == verb.name
    assert command.help.split("\n\n")[0].replace("\n", " ") == verb.help
    assert hasattr(command, "commands") == (verb.attribute == "app")


def loaded_by(arguments):
    """Run the command in a process of its own; return which heavy packages it has imported."""
    code = (
        "import sys\n"
        f"sys.argv = ['spatialrag', *{arguments}]\n"
        "from spatialrag.cli.app import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, loaded = done.stdout.strip().splitlines()
    return "\n".join(shown), loaded


def test_help_lists_every_verb_and_imports_none():
    shown, loaded = loaded_by(["--help"])
    assert loaded == "loaded []"
    for verb in VERBS:
        assert f" {verb.name} " in shown
    assert loaded_by(["--version"])[1] == "loaded []"


def test_an_unknown_verb_is_told_with_the_nearest(run):
    code, _, err = run("predct")
    assert code == 2
    assert "Did you mean 'predict'" in err
