"""What the attacks are made of: hostile input by kind, and the one judgement of how verbs end."""
