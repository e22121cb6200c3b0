"""Single-cell references: cells and type-mean profiles with harmonized types."""
