"""How good a prediction and its citations are."""
