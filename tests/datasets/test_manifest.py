import pytest

from spatialrag.datasets.manifest import find_cohort, read_manifest
from spatialrag.errors import InputError

ENTRY = """
schema = 1
[[cohort]]
name = "mine"
title = "My slides"
organ = "lung"
species = "human"
licence = "CC0"
citation = "me"
slides = ["a", "b"]
census = { tissue = ["lung"] }
[[cohort.source]]
kind = "url"
files = [{ url = "file:///x", path = "x.txt" }]
"""


def test_shipped_manifest_covers_organs_and_the_papers_slides():
    cohorts = read_manifest()
    assert len(cohorts) >= 12
    organs = {cohort.organ for cohort in cohorts.values()}
    assert len(organs) >= 6
    assert {"breast", "kidney", "prostate", "lung", "liver"} <= organs
    for cohort in cohorts.values():
        assert cohort.licence
        assert cohort.citation
        assert cohort.slides
        assert cohort.census is not None
    assert len(cohorts["hest-breast-her2st"].slides) == 36
    for name, test_slide in (
        ("hest-breast-her2st", "SPA148"),
        ("hest-kidney", "NCBI697"),
        ("hest-prostate", "MEND145"),
    ):
        assert test_slide in cohorts[name].slides
    assert "MEND155" not in cohorts["hest-prostate"].slides


def test_own_manifest(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(ENTRY)
    cohort = read_manifest(path)["mine"]
    assert cohort.census.tissue == ("lung",)
    assert cohort.sources[0].files[0].path == "x.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('licence = "CC0"', ""), "licence is missing"),
        (('organ = "lung"', 'organ = "lung"\ncolour = "red"'), "unknown key 'colour'"),
        (('kind = "url"', 'kind = "ftp"'), "source kind 'ftp'"),
        (('path = "x.txt"', 'path = "../x.txt"'), "a path within the cohort"),
        (("schema = 1", "schema = 9"), "another schema"),
        (("schema = 1", "schema = "), "not TOML"),
        (('organ = "lung"', 'organ = "lung"\naccess = "maybe"'), "access is 'maybe'"),
        (('"mine"', '"../mine"'), "cannot be the name of a cohort"),
        (('name = "mine"', "name = 3"), "3: name is 3"),
        (('["a", "b"]', '"a"'), "slides is 'a', which is no list of texts"),
        (('["a", "b"]', '["a", 1]'), "slides is .'a', 1."),
        (('{ tissue = ["lung"] }', '["lung"]'), "census needs a list of tissues"),
        (('{ tissue = ["lung"] }', '{ tissue = ["lung"], x = 1 }'), "unknown key 'x' of census"),
        (('["lung"] }', '["lung"], disease = "x" }'), "census has a disease"),
        (("[[cohort.source]]", "[cohort.source]"), "its sources are no tables"),
        (("[[cohort]]", "[cohort]"), "lists no cohorts|not TOML"),
        (('kind = "url"', 'kind = "url"\nsecret = 1'), "unknown key 'secret'"),
        (('path = "x.txt"', 'path = "x.txt", mode = 7'), "unknown key 'mode'"),
        (('path = "x.txt"', "path = 7"), "path is 7, which is no text"),
        (('[{ url = "file:///x", path = "x.txt" }]', '["x"]'), "files is no list of tables"),
        (('url = "file:///x"', 'url = "ftp://x"'), "no usable address"),
        (("schema = 1", 'schema = 1\nx = "\x00"'), "not TOML"),
        (("schema = 1", "schema = 1\nx = " + "[" * 5000 + "]" * 5000), "not TOML"),
    ],
)
def test_faults_are_named(tmp_path, change, message):
    path = tmp_path / "m.toml"
    path.write_text(ENTRY.replace(*change))
    with pytest.raises(InputError, match=message):
        read_manifest(path)


def test_unknown_cohorts_and_files(tmp_path):
    with pytest.raises(InputError, match=r"did you mean 'hest-kidney'"):
        find_cohort(read_manifest(), "hest-kidny")
    with pytest.raises(InputError, match="does not exist"):
        read_manifest(tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(tmp_path)
    (tmp_path / "latin.toml").write_bytes(ENTRY.replace("My", "Mé").encode("latin-1"))
    with pytest.raises(InputError, match="not TOML"):
        read_manifest(tmp_path / "latin.toml")
