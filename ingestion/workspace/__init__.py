"""The workspace: which sources there are, how they are reached, and where their secrets are."""
