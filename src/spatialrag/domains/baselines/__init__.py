"""Published networks for spatial domains, from their equations, each with and without FSM."""
