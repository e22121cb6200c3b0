"""HisToGene: a whole slide as one sequence of spots."""
