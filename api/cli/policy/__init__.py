"""`remit policy`: the options, and what each command does."""
