"""SemST: a two-graph network steered by what genes mean."""
