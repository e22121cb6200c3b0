"""One door for tables: every CSV, TSV and Parquet file this package reads comes in here."""
