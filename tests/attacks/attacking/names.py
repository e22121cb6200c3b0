"""Hostile names, and an independent word on which of them must be refused."""

import unicodedata
from dataclasses import dataclass

from hypothesis import strategies as st

_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202d\u202e\u2060\u2066\u2069\ufeff"
_CONTROLS = "".join(map(chr, [*range(32), 127, *range(128, 160)]))
FAMOUS = (
    "NA", "nan", "NaN", "None", "null", "007", "1e2", "1.0", "-0", "0x1F", "TRUE", "inf", "1,5",
    "SEPT2", "2-Sep", "MARCH1", "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'quoted'",
    '"', '""', "a;b", "a,b", "a\tb", "a|b", "`id`", "$(id)", "; rm -rf x", "--help", "-x", "..",
    ".", "../up", "/etc/x", "C:\\x", "a/b", "a\\b", "a:b", ":", "con", "NUL.txt", "~", "*", "%s",
    "{0}", "{}", "%n", "[bold]x[/bold]", "x[/b]", "[red]", "$x$", "$\\frac{", "<b>x</b>",
    "<script>alert(1)</script>", "&amp;", "é", "e\u0301", "ﬁ", "Å", "\u212b", "Ⅳ", "а", "x" * 199,
    "x" * 201, "y" * 5000, "名前", "😀", "\U0001f1e9\U0001f1ea", "\u0645\u0631", "µ", "μ", "ß", "ẞ",
    "ı", "K", "\u1e9e", " lead", "trail ", "in  ner", "\u00a0nbsp", "\u3000wide", "", " ",
    "index", "_index", "X", "obs", "slide", "barcode", "x", "y", "spatialrag", "__class__",
)  # fmt: skip


@st.composite
def hostile_text(draw: st.DrawFn) -> str:
    """Return something that a user, or somebody else's file, might give for a name."""
    kind = draw(st.integers(0, 5))
    if kind <= 1:
        return draw(st.sampled_from(FAMOUS))
    if kind == 2:  # a good name with one bad character
        bad = draw(st.sampled_from(_CONTROLS + _INVISIBLE + "/\\:|;,'\"$<>&[]{}%*?~ \u00a0\u3000"))
        name = draw(st.text("abcXYZ019_-", min_size=1, max_size=6))
        place = draw(st.integers(0, len(name)))
        return name[:place] + bad + name[place:]
    if kind == 3:
        return draw(st.text(max_size=8).filter(_writable))
    if kind == 4:
        return draw(st.from_regex(r"[+-]?\d{1,20}([.,]\d{1,3})?(e[+-]?\d{1,3})?", fullmatch=True))
    return draw(st.text("abcABC 019._-", min_size=1, max_size=12))


def good_name() -> st.SearchStrategy[str]:
    """Return a name that nothing may refuse: text with odd, harmless characters."""
    return st.builds(
        lambda start, rest: start + rest,
        st.sampled_from("abcXYZé名µ😀"),
        st.text("abc019_-.=+@#'()[]<>&$%{}!^éß名😀", max_size=8),
    ).map(lambda name: unicodedata.normalize("NFC", name))


def _writable(name: str) -> bool:
    """Return whether UTF-8 can hold it: no argument and no file is made of anything else."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Verdict:
    """What must come of a name.

    Parameters
    ----------
    name
        As it must be used.
    fault
        Why it must be refused, or empty.
    """

    name: str
    fault: str = ""


def verdict(text: str, *, part: bool = False) -> Verdict:
    """Return what must come of a name, told without the code that is attacked.

    Parameters
    ----------
    text
        The name.
    part
        Whether it becomes part of files and keys: slides and data sets.
    """
    name = unicodedata.normalize("NFC", text)
    # Marks at the ends go with the blanks there (a byte-order mark, a pasted zero-width space).
    name = _trimmed(name)
    if not name:
        return Verdict(name, "empty")
    if any(unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs") for each in name):
        return Verdict(name, "controls")
    if any(each in _INVISIBLE for each in name):
        return Verdict(name, "invisible marks")
    if part and any(each in name for each in "/\\:"):
        return Verdict(name, "leads somewhere")
    if part and not name.strip("."):
        return Verdict(name, "dots alone")
    if part and len(name) > 200:
        return Verdict(name, "too long")
    return Verdict(name)


def _trimmed(name: str) -> str:
    """Return a name without blanks and the marks among them at its ends."""
    start, end = 0, len(name)
    while start < end and (name[start].isspace() or name[start] in "\ufeff\u200b\u2060"):
        start += 1
    while end > start and (name[end - 1].isspace() or name[end - 1] in "\ufeff\u200b\u2060"):
        end -= 1
    return name[start:end]
