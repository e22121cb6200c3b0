from pathlib import Path

import pandas as pd
import pytest

from spatialrag.cli.app import load_verb
from spatialrag.cli.verbs import VERBS

ABSENT = "warp"  # no build of torch has such a device


def verbs():
    """Every verb of the command with its options by their names."""
    for name in [verb.name for verb in VERBS]:
        command = load_verb(name)
        for part, inner in getattr(command, "commands", {"": command}).items():
            yield f"{name} {part}".strip(), {option.opts[0]: option for option in inner.params}


def test_every_verb_places_its_parts_by_the_same_options():
    found = dict(verbs())
    with_device = {name for name, options in found.items() if "--device" in options}
    assert with_device == {
        "predict", "loso", "embed", "domains", "bank build", "bank add", "bank tune", "ragst fit",
        "ragst predict", "experiment run",
    }  # fmt: skip
    finer = {"--encoder": "--encoder-device", "--backbone": "--backbone-device"}
    for name, options in found.items():
        for part, placed in finer.items():
            assert (part in options) == (placed in options), name
            assert part not in options or "--device" in options, name
        assert ("--backbone" in options) == ("--solver-device" in options), name
    for wanted, default in [("--device", "cpu")] + [
        (f"--{part}-device", None) for part in ("encoder", "backbone", "solver")
    ]:
        same = [options[wanted] for options in found.values() if wanted in options]
        assert {option.default for option in same} == {default}
        assert len({option.help for option in same}) == 1


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("predict BANK o.h5ad --slide q --backbone probe", "device encoder backbone solver"),
        ("loso --slides no.csv", "device encoder backbone solver"),
        ("bank build b.zarr --slides no.csv", "device encoder"),
        ("bank add no.zarr --slides no.csv", "device encoder"),
        ("embed out --slides no.csv", "device encoder"),
        ("ragst fit no.zarr no.h5ad o.safetensors", "device"),
        ("ragst predict m.safetensors no.zarr c o --slide q --spots s", "device encoder"),
        ("domains no.h5ad --out o.h5ad", "device"),
    ],
)
def test_verbs_say_that_a_device_is_absent_before_they_read_anything(run, verb, options):
    pytest.importorskip("torch")
    for part in options.split():
        option = "--device" if part == "device" else f"--{part}-device"
        code, _, err = run(*verb.split(), option, ABSENT)
        assert code == 2
        assert f"no device '{ABSENT}'" in err, option


def test_predict_trains_its_backbone_where_it_was_told(run, toy_bank, toy_sections, work):
    """On a device without values training must fail: nothing is trained on the CPU instead."""
    pytest.importorskip("torch")
    from spatialrag import write_bank

    section, path = toy_sections[3], write_bank(toy_bank.select(["toy1", "toy2"]), work / "d.zarr")
    pd.DataFrame(section.xy, section.spots, ["x", "y"]).iloc[:6].to_csv(work / "six.csv")
    arguments = [
        "predict", path, work / "out.h5ad", "--slide", "toy4", "--spots", work / "six.csv",
        "--image", section.image, "--mpp", 1, "--encoder", "color", "--removed", 0,
        "--backbone", "probe", "--device", "meta", "--solver-device", "cpu",
    ]  # fmt: skip
    code, _, err = run(*arguments)
    assert code == 1
    assert "NotImplementedError" in err or "RuntimeError" in err
    assert "meta" in Path(err.split()[-1]).read_text()
    assert not (work / "out.h5ad").exists()
