from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from spatialrag.bank.build import build_bank
from spatialrag.encoders.embed import check_encoder, embed
from spatialrag.errors import InputError


@dataclass
class Counting:
    """Mean color, counting its calls; fails at a chosen one."""

    name: str = "counting"
    fingerprint: str = "1"
    size_px: int = 8
    fail_at: int = -1
    calls: list[int] = field(default_factory=list)

    def encode(self, patches):
        if len(self.calls) == self.fail_at:
            raise KeyboardInterrupt
        self.calls.append(len(patches))
        return patches.mean(axis=(1, 2))


def test_cache_by_content_and_resume(toy_sections, tmp_path):
    section = toy_sections[0]
    plain = embed(section, encoder=Counting(), batch=10)
    with pytest.raises(KeyboardInterrupt):
        embed(section, encoder=Counting(fail_at=3), batch=10, cache=tmp_path)
    second = Counting()
    resumed = embed(section, encoder=second, batch=10, cache=tmp_path)
    assert second.calls == [10, 10, 6]  # three of six batches were done before the interruption
    np.testing.assert_array_equal(resumed.vectors, plain.vectors)
    third = Counting()
    embed(section, encoder=third, batch=10, cache=tmp_path)
    assert third.calls == []
    for changed in (replace(section, mpp=1.1), replace(section, xy=section.xy + 1)):
        encoder = Counting()
        embed(changed, encoder=encoder, batch=10, cache=tmp_path)
        assert sum(encoder.calls) == 56


def test_record_says_how(toy_sections):
    result = embed(toy_sections[0], encoder=Counting(), patch_um=90, context=4)
    assert (result.encoder.dim, result.encoder.patch_um, result.encoder.context) == (6, 90, 4)
    assert result.mpp == 1.0


def test_bad_input_before_any_patch_is_encoded(toy_sections):
    section, encoder = toy_sections[0], Counting()
    for changed, message in (
        (replace(section, xy=section.xy + 1e5), "outside the image"),
        (section.with_image(section.image, None, "unknown"), "pixel size .* unknown"),
        (section.with_image(None, 1.0, "given"), "has no image"),
    ):
        with pytest.raises(InputError, match=message):
            embed(changed, encoder=encoder)
    assert encoder.calls == []


def test_check_encoder(toy_sections):
    record = embed(toy_sections[0], encoder=Counting()).encoder
    check_encoder(Counting(), record)
    with pytest.raises(InputError, match="is not the bank's"):
        check_encoder(Counting(fingerprint="2"), record)
    with pytest.raises(InputError, match="pass --encoder"):
        check_encoder(None, record)


def test_the_side_of_patches_is_the_encoders_own(toy_sections):
    trained = Counting()
    trained.patch_um = 40.0
    trained.source = "weights@1"
    record = embed(toy_sections[0], encoder=trained).encoder
    assert (record.patch_um, record.source) == (40.0, "weights@1")
    assert embed(toy_sections[0], encoder=Counting()).encoder.patch_um == 150.0
    assert embed(toy_sections[0], encoder=trained, patch_um=90).encoder.patch_um == 90.0
    assert replace(record, source="elsewhere") == record


def test_a_slide_too_coarse_for_its_encoder(toy_sections):
    """Patches of 8 px over 1.6 µm are .2 µm per pixel: at 1 µm per pixel they would be blur."""
    fine = Counting()
    fine.patch_um = 1.6
    with pytest.raises(
        InputError, match=r"(?s)too coarse for the encoder 'counting'.*at most 0\.8"
    ):
        embed(toy_sections[0], encoder=fine)
    assert fine.calls == []
    with pytest.raises(InputError, match="too coarse"):
        build_bank(toy_sections, encoder=fine)
    fine.patch_um = None
    embed(toy_sections[0], encoder=fine, patch_um=1.6)
