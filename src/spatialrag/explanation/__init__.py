"""Which references a value rests on, how much, and why."""
