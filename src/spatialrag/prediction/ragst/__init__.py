"""RAG-ST: cell types as the bridge to single-cell references."""
