"""Which rows of a table are refused and why: one reason a row, the first that was found."""

from __future__ import annotations

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

REFUSED_SCHEMA: dict[str, pl.DataType] = {
    "table": pl.String(),  # events or items
    "row": pl.Int64(),  # 0-based row of the table as it was given
    "reason": pl.String(),  # the same words for every row with this fault
    "column": pl.String(),  # where the fault is; null when it is the row as a whole
    "value": pl.String(),  # what stood there
    "record": pl.String(),  # the whole row as JSON
}
_SHOWN = 200  # characters of a value; a megabyte in one cell must not fill the report


class Sieve:
    """Collects refusals of one table.

    Args:
        table: Its name in reports.
        source: The table as it was given, E rows.
    """

    def __init__(self, table: str, source: pl.DataFrame) -> None:
        self.table = table
        self.source = source
        self._reasons: list[tuple[str, str | None]] = [("", None)]
        self._codes = np.zeros(len(source), np.int16)  # 0: accepted

    @property
    def kept(self) -> np.ndarray:
        """bool[E], rows that nothing was said against so far."""
        return self._codes == 0

    def refuse(self, bad: np.ndarray | pl.Series, reason: str, column: str | None = None) -> None:
        """Refuse the marked rows (bool[E]; null means no), unless they are refused already."""
        if isinstance(bad, pl.Series):
            bad = bad.fill_null(False).to_numpy()
        self._reasons.append((reason, column))
        self._codes[bad & self.kept] = len(self._reasons) - 1

    def refused(self) -> pl.DataFrame:
        """The refused rows in the columns of ``REFUSED_SCHEMA``, in row order."""
        rows = np.flatnonzero(self._codes)
        if not len(rows):
            return pl.DataFrame(schema=REFUSED_SCHEMA)
        codes = pl.Series("code", self._codes[rows])
        known = pl.DataFrame(
            {"code": range(len(self._reasons)), "reason": [r for r, _ in self._reasons], "column": [c for _, c in self._reasons]},
            schema={"code": pl.Int16, "reason": pl.String, "column": pl.String},
        )
        shown = pl.DataFrame([_shown(column.gather(rows)) for column in self.source])
        value = pl.lit(None, dtype=pl.String)
        for name in {column for _, column in self._reasons if column is not None and column in shown.columns}:
            value = pl.when(pl.col("column") == name).then(shown[name]).otherwise(value)
        return (
            codes.to_frame()
            .join(known, on="code", how="left", maintain_order="left")
            .select(
                pl.lit(self.table).alias("table"),
                pl.Series("row", rows, dtype=pl.Int64),
                "reason",
                "column",
                value.alias("value"),
                shown.to_struct("record").struct.json_encode().alias("record"),
            )
        )


def repeated(table: pl.DataFrame) -> np.ndarray:
    """bool[E], rows that equal an earlier row in all columns (null equals null)."""
    if not len(table):
        return np.zeros(0, bool)
    suspects = table.hash_rows().is_duplicated().to_numpy()  # rows that differ may share a hash, so look again
    result = np.zeros(len(table), bool)
    if suspects.any():
        few = table.filter(suspects)
        result[suspects] = ~few.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    return result


def _shown(column: pl.Series) -> pl.Series:
    """Any column as short texts."""
    try:
        text = column.cast(pl.String)
    except PolarsError:
        text = pl.Series(column.name, [None if value is None else str(value) for value in column.to_list()], dtype=pl.String)
    return text.str.slice(0, _SHOWN)
