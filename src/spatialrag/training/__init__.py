"""How every network is trained: one loop, one rule of what is held out, one kind of checkpoint."""
