"""`remit source`: the options, and what each command does."""
