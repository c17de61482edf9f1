"""What a cut has come to, told on one page; and how long its steps took, run by run."""
