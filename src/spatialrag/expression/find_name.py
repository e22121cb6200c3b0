"""Find a spot or a gene by the name a person gives it: case, versions, aliases, near matches."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from spatialrag.errors import InputError, listing
from spatialrag.expression.gene_names import without_versions
from spatialrag.tables.table import read_table

Aliases = Mapping[str, tuple[str, ...]]
_SEPARATORS = re.compile(r"[|;,]")
_PUNCTUATION = re.compile(r"[\s_./-]+")
# Columns of HGNC's and MGI's tables, and what people call theirs.
_COLUMNS = (
    "symbol", "alias", "aliases", "alias_symbol", "prev_symbol", "ensembl_gene_id", "ensembl",
    "gene_id", "gene", "gene_name",
)  # fmt: skip


def read_aliases(path: str | Path) -> dict[str, tuple[str, ...]]:
    r"""Return other names of genes from a table: every name of a row stands for all of the row.

    Parameters
    ----------
    path
        CSV, TSV or Parquet with two or more of the columns symbol, alias (aliases, alias_symbol),
        prev_symbol, ensembl_gene_id (ensembl, gene_id), gene, gene_name: HGNC's complete set has
        them. A cell may hold several names with ``|`` between them.

    Returns
    -------
    dict
        A name as `find_name` compares it, to the names of its rows.

    Raises
    ------
    InputError
        It cannot be read, or has fewer than two of these columns.

    Examples
    --------
    >>> _ = Path("aliases.csv").write_text("symbol,alias_symbol\nERBB2,HER2|NEU\n")
    >>> read_aliases("aliases.csv")["neu"]
    ('ERBB2', 'HER2', 'NEU')
    """
    table = read_table(path, as_text=True)
    columns = [name for name in table.frame.columns if str(name).casefold() in _COLUMNS]
    if len(columns) < 2:
        raise InputError(
            f"{table.name} is no table of gene names",
            expected=f"two or more of the columns {listing(_COLUMNS, 20)}",
            got=listing(table.frame.columns, 12),
        )
    found: dict[str, tuple[str, ...]] = {}
    for row in table.frame[columns].itertuples(index=False):
        names = [name.strip() for cell in row for name in _SEPARATORS.split(str(cell))]
        names = [name for name in names if name]
        for name in names:
            key = _plain(name)
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *names)))
    return found


def find_name(
    name: str, names: np.ndarray, *, kind: str, subject: str, aliases: Aliases | None = None
) -> tuple[int, str]:
    """Return where a name stands among others, and how it was read when it is not written so.

    A gene is looked for as written, without regard to case, without the version of an Ensembl id,
    then by its aliases: those given, else the words of the clinic that this package knows (HER2 is
    ERBB2). A reading counts only where it leads to one name.

    Parameters
    ----------
    name
        As a person gave it.
    names : (n,)
        Those that are there.
    kind
        What is named, in the singular: gene, spot.
    subject
        What holds the names, for messages.
    aliases
        Other names of genes, from `read_aliases`.

    Returns
    -------
    position : int
    reading : str
        How the name was read, e.g. ``HER2 is read as ERBB2``; empty where it stands as written.

    Raises
    ------
    InputError
        No such name, or several that it may mean; near matches are told.

    Examples
    --------
    >>> find_name("her2", np.array(["ERBB2", "ESR1"]), kind="gene", subject="the prediction")
    (0, 'her2 is read as ERBB2')
    """
    exact = np.flatnonzero(names == name)
    if len(exact):
        return int(exact[0]), ""
    for reading in _readings(name, names, aliases, kind):
        if len(reading) == 1:
            found = int(reading[0])
            return found, f"{name} is read as {names[found]}"
        if len(reading) > 1:
            raise InputError(
                f"{kind} {name!r} may be one of several in {subject}",
                got=listing(names[reading], 8),
                fix="give one of these",
            )
    near = _near(name, names)
    raise InputError(
        f"{kind} {name!r} is not in {subject}",
        expected=f"one of {len(names)} {kind}s such as {listing(names, 4)}",
        got=f"near matches: {listing(near, 5)}" if near else "nothing like it",
    )


def _readings(
    name: str, names: np.ndarray, aliases: Aliases | None, kind: str
) -> Iterable[np.ndarray]:
    """Yield what a name may stand for, by one reading after the other."""
    folded = np.array([each.casefold() for each in names.tolist()])
    yield np.flatnonzero(folded == name.casefold())
    if kind != "gene":
        return
    bare = np.array([each.casefold() for each in without_versions(names).tolist()])
    own = str(without_versions(np.array([name.upper()]))[0]).casefold()
    yield np.flatnonzero(bare == own)
    others = (aliases or {}).get(_plain(name), ())
    yield np.flatnonzero(np.isin(bare, [str(each).casefold() for each in others]))
    known = _words_of_the_clinic().get(_plain(name))
    if known is not None:
        yield np.flatnonzero(folded == known.casefold())


def _near(name: str, names: np.ndarray) -> list[str]:
    """Return the names most alike, best first; those that begin alike where none is."""
    by_folded = {each.casefold(): each for each in reversed(names.tolist())}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=5, cutoff=0.6)
    if not found and len(name) > 2:
        found = [each for each in by_folded if each.startswith(name.casefold()[:3])][:5]
    return [by_folded[each] for each in found]


def _plain(name: str) -> str:
    """Return a name without case, spaces and punctuation: Ki-67 and KI67 are one."""
    return _PUNCTUATION.sub("", name).casefold()


@cache
def _words_of_the_clinic() -> dict[str, str]:
    text = files("spatialrag.expression").joinpath("aliases.toml").read_text(encoding="utf-8")
    return {_plain(name): str(symbol) for name, symbol in tomllib.loads(text).items()}
