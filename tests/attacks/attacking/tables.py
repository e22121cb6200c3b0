"""Tables as programs and people write them, and as nobody should."""

import csv
import gzip
import io
from dataclasses import dataclass

from hypothesis import strategies as st

_PIECES = (
    "", " ", "NA", "nan", "NaN", "None", "inf", "-inf", "1e999", "1e308", "-1", "-0.5", "0.5",
    "1,5", "1,234", "1.234,5", "1e5", "١", "½", "TRUE", "2-Sep", "2024-01-01", "#N/A", "#DIV/0!",
    "=1+1", "x", '"', "\0", "\ufeff", "\u202e", "0x10", "1_000", "99999999999999999999", "+3", "3 ",
)  # fmt: skip


def quoted(cell: str) -> str:
    """Return a cell as RFC 4180 writes it where it must be quoted."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([cell])
    return out.getvalue() if cell else ""


def table_text(rows: list[list[str]]) -> str:
    """Return rows as an ordinary CSV."""
    return "".join(",".join(map(quoted, row)) + "\n" for row in rows)


@dataclass(frozen=True)
class Writing:
    """A way to write a table that means the same.

    Parameters
    ----------
    separator, line, encoding
        Of the text.
    packed
        With gzip.
    all_quoted
        Every cell in quotation marks.
    ended
        Whether the last line ends with a line break.
    excel
        With Excel's first line that names the separator.
    """

    separator: str
    line: str
    encoding: str
    packed: bool
    all_quoted: bool
    ended: bool
    excel: bool

    def bytes_of(self, rows: list[list[str]]) -> bytes:
        """Return a table written this way."""
        out = io.StringIO()
        style = csv.QUOTE_ALL if self.all_quoted else csv.QUOTE_MINIMAL
        writer = csv.writer(out, delimiter=self.separator, lineterminator=self.line, quoting=style)
        if self.excel:
            out.write(f"sep={self.separator}{self.line}")
        writer.writerows(rows)
        text = out.getvalue()
        if not self.ended:
            text = text.removesuffix(self.line)
        content = text.encode(self.encoding)
        return gzip.compress(content) if self.packed else content


def writings() -> st.SearchStrategy[Writing]:
    """Return ways to write a table that must all be read alike."""
    return st.builds(
        Writing,
        separator=st.sampled_from(",;\t"),
        line=st.sampled_from(["\n", "\r\n", "\r"]),
        encoding=st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"]),
        packed=st.booleans(),
        all_quoted=st.booleans(),
        ended=st.booleans(),
        excel=st.booleans(),
    )


@st.composite
def spoiled(draw: st.DrawFn, rows: list[list[str]]) -> tuple[bytes, str]:
    """Return a table in which something is wrong, or may be, and what was done to it."""
    rows = [list(row) for row in rows]
    i = draw(st.integers(0, len(rows) - 1))
    j = draw(st.integers(0, len(rows[0]) - 1))
    done = draw(
        st.sampled_from(
            [
                "cell", "cell", "cell", "short line", "long line", "copied row", "copied column",
                "dropped header", "dropped row", "transposed", "open quote", "quoted line break",
                "cut", "bytes", "latin-1", "nothing", "header alone", "blank lines", "comment",
                "one column", "random text", "many columns",
            ]
        )
    )  # fmt: skip
    if done == "cell":
        rows[i][j] = draw(st.one_of(st.sampled_from(_PIECES), st.text(max_size=4)))
        done = f"cell {i}, {j}: {rows[i][j]!r}"
    elif done == "short line":
        rows[i] = rows[i][: draw(st.integers(0, len(rows[i]) - 1))]
    elif done == "long line":
        rows[i] = [*rows[i], *["7"] * draw(st.integers(1, 3))]
    elif done == "copied row":
        rows.append(rows[i])
    elif done == "copied column":
        rows = [[*row, row[j]] for row in rows]
    elif done == "dropped header":
        rows = rows[1:]
    elif done == "dropped row":
        del rows[i]
    elif done == "transposed":
        rows = [list(column) for column in zip(*rows, strict=True)]
    elif done == "quoted line break":
        rows[i][j] = f"{rows[i][j]}\n{rows[i][j]}"
    elif done == "header alone":
        rows = rows[:1]
    elif done == "blank lines":
        rows.insert(i, [])
    elif done == "one column":
        rows = [row[:1] for row in rows]
    elif done == "many columns":
        rows = [row + row[1:] * 50 for row in rows]
    elif done == "nothing":
        return draw(
            st.sampled_from([b"", b"\n", b" ", b"\xef\xbb\xbf", b"\0" * 9, b"sep=;\n"])
        ), done
    elif done == "random text":
        return draw(st.text(max_size=60)).encode(errors="replace"), done
    content = table_text(rows).encode(errors="replace")
    if done == "open quote":
        at = draw(st.integers(0, len(content)))
        content = content[:at] + b'"' + content[at:]
    elif done == "cut":
        content = content[: draw(st.integers(0, len(content)))]
        if draw(st.booleans()):
            content = gzip.compress(content)[: draw(st.integers(1, 60))]
    elif done == "bytes":
        spoil = bytearray(content)
        for _ in range(draw(st.integers(1, 3))):
            spoil[draw(st.integers(0, len(spoil) - 1))] = draw(st.integers(0, 255))
        content = bytes(spoil)
    elif done == "latin-1":
        content = content.replace(b"S", b"\xe9", 1)
    elif done == "comment":
        content = b"# made by a program\n" + content
    return content, done
