"""One request in, one result out: the flows that every entrance is a face of."""
