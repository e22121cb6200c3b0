import pytest

from spatialrag.cli.app import load_verb
from spatialrag.cli.panels import ADVANCED, ENCODER, INPUT, METHOD, OUTPUT, PANELS
from spatialrag.cli.verbs import VERBS


def leaves(command):
    commands = getattr(command, "commands", None)
    return [command] if commands is None else [x for c in commands.values() for x in leaves(c)]


def test_every_option_that_has_a_panel_exists_somewhere():
    known = {
        name
        for verb in VERBS
        for command in leaves(load_verb(verb.name))
        for parameter in command.params
        for name in parameter.opts
    }
    assert set(PANELS) <= known


def test_long_verbs_have_panels_in_order_and_flags_no_type(run):
    code, out, _ = run("predict", "--help")
    assert code == 0
    places = [out.index(f"─ {panel} ─") for panel in (INPUT, ENCODER, METHOD, OUTPUT, ADVANCED)]
    assert places == sorted(places)
    assert "<bool>" not in out


@pytest.mark.parametrize("verb", ["doctor", "methods"])
def test_short_verbs_keep_one_panel(run, verb):
    out = run(verb, "--help")[1]
    assert f"─ {INPUT} ─" not in out
