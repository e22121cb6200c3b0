"""Pure scores on arrays."""
