"""Files to pixels: knows µm, knows no genes."""
