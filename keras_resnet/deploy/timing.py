"""How long a run's network takes on this machine, by engine and precision."""
