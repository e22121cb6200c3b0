import os

import pytest

from spatialrag.errors import InputError
from spatialrag.outputs import check_output, check_place, writing


def test_outputs_are_checked_before_work(tmp_path):
    given = tmp_path / "x.h5ad"
    given.write_text("measured")
    (tmp_path / "link.h5ad").symlink_to(given)
    os.link(given, tmp_path / "hard.h5ad")
    for out in ("x.h5ad", "link.h5ad", "hard.h5ad", "sub/../x.h5ad"):
        with pytest.raises(InputError, match="(?s)is what is read.*name another file"):
            check_output(tmp_path / out, inputs=[None, given])
    assert check_output(tmp_path / "new" / "y.h5ad", inputs=[given]) == tmp_path / "new" / "y.h5ad"
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="a folder of this name"):
        check_output(tmp_path)
    check_output(tmp_path, folder=True)
    with pytest.raises(InputError, match="a file of this name"):
        check_output(given, folder=True)
    with pytest.raises(InputError, match="is not a folder"):
        check_output(given / "deeper.txt")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_outputs_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission"):
        check_output(tmp_path / "a")


def test_what_the_system_refuses_is_told(tmp_path):
    def full():
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(InputError, match="(?s)cannot be written.*No space left.*make room"),
        writing(tmp_path),
    ):
        full()
    check_place(tmp_path / "new")
    with pytest.raises(InputError, match="a folder of this name"):
        check_place(tmp_path)
