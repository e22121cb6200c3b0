import pytest

from spatialrag.encoders.encoder import device_of
from spatialrag.errors import InputError
from spatialrag.jobs.devices import Devices

ABSENT = "warp"  # no build of torch has such a device


def test_one_device_reaches_encoder_backbone_and_solver():
    torch = pytest.importorskip("torch")
    from spatialrag.encoders.network import NetworkEncoder

    network = NetworkEncoder(torch.nn.Linear(3, 2), "net", "print", 16)
    devices = Devices("meta")  # a device of every machine, on which nothing can be computed
    assert device_of(devices.make_encoder(network)) == "meta"
    assert devices.make_backbone("probe").settings.fitting.device == "meta"
    assert devices.make_solver().device == "meta"
    assert devices.notes(encoder=devices.make_encoder(network), backbone="probe") == ()
    # What has no network stays on the CPU, and that is said.
    color = devices.make_encoder("color")
    assert device_of(color) == "cpu"
    assert device_of(devices.make_encoder("dihedral:color")) == "cpu"
    assert devices.make_backbone("linear") == "linear"
    assert devices.notes(encoder=color, backbone="linear") == (
        "encoder color: on the CPU, where alone it runs",
        "backbone linear: on the CPU, where alone it runs",
    )
    assert Devices().notes(encoder=color, backbone="linear") == ()
    # Placed one by one.
    apart = Devices("meta", encoder="cpu", backbone="cpu", solver="cpu")
    assert device_of(apart.make_encoder("color")) == "cpu"
    assert apart.make_backbone("probe") == "probe"
    assert apart.make_solver().device == "cpu"
    assert apart.notes(encoder=color, backbone="linear") == ()
    for part, make in (("encoder", "make_encoder"), ("backbone", "make_backbone")):
        with pytest.raises(InputError, match="runs on the CPU alone"):
            getattr(Devices(**{part: "meta"}), make)("color" if part == "encoder" else "linear")


@pytest.mark.parametrize("part", ["everywhere", "encoder", "backbone", "solver"])
def test_an_absent_device_is_an_error_at_once(part):
    pytest.importorskip("torch")
    with pytest.raises(InputError, match=f"no device '{ABSENT}'"):
        Devices(**{part: ABSENT})
