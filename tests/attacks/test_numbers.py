"""Numbers where options take them: used as they are written, or refused before work."""

import math
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
from attacking.cases import cases
from attacking.command import attempt
from hypothesis import given, strategies as st

NUMBERS = st.one_of(
    st.sampled_from([
        "nan", "inf", "-inf", "1e999", "-0", "0", "-1", "1e-320", "1e308", "1_0", "١", "½", "1,5",
        "0x10", "", " ", "1e", "--1", "99999999999999999999", "-99999999999999999999", "true",
        "0.5", "1.5", "2", "1e-3",
    ]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**6), 10**6).map(str),
)  # fmt: skip
OF_PREDICT = (
    "--image-weight", "--strength", "--smoothing", "--centring", "--mpp", "--pitch-um",
    "--context-um", "--initial-samples", "--removed",
)  # fmt: skip
SHARES = ("--image-weight", "--smoothing", "--centring")
# Large numbers of these are work, which a user may ask for.
OF_DOMAINS = ("--n-domains", "--min-spots", "--n-genes")
OF_BANK = ("--patch-um", "--context", "--thumbnail-px", "--context-um")


def outside(text):
    """Return whether text is a number and no share."""
    try:
        value = float(text)
    except ValueError:
        return False
    return not (math.isfinite(value) and 0 <= value <= 1)


@cases(12)
@given(option=st.sampled_from(OF_PREDICT), number=NUMBERS)
def test_numbers_of_predict(world, option, number):
    query = list(world.query)
    if option in query:
        at = query.index(option)
        del query[at : at + 2]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "p.h5ad"
        outcome = attempt(
            "predict", world.bank, out, *query, f"{option}={number}", outputs=[out]
        )  # fmt: skip
        if option in SHARES and outside(number):
            assert outcome.refused, str(outcome)
        if not outcome.refused:
            assert np.isfinite(ad.read_h5ad(out).X).all(), str(outcome)


@cases(6)
@given(option=st.sampled_from(OF_BANK), number=NUMBERS)
def test_numbers_of_banks(world, option, number):
    with tempfile.TemporaryDirectory() as folder:
        bank = Path(folder) / "bank.zarr"
        attempt(
            "bank", "build", bank, "--slides", world.table, "--sections", "toy1",
            "--encoder", "color", f"{option}={number}", outputs=[bank],
        )  # fmt: skip


@cases(8)
@given(option=st.sampled_from(OF_DOMAINS), number=NUMBERS)
def test_numbers_of_domains(world, option, number):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "d.h5ad"
        options = {"--n-domains": "2", "--min-spots": "1", "--n-genes": "50", option: number}
        outcome = attempt(
            "domains", world.counts, "--out", out, "--method", "pca",
            *(f"{name}={value}" for name, value in options.items()),
            outputs=[out], inputs=[world.counts],
        )  # fmt: skip
        if not outcome.refused:
            found = ad.read_h5ad(out).obs["domain_pca"].nunique()
            assert found == int(options["--n-domains"]), str(outcome)
