"""How far a step is: what its log tells, against the last time."""
