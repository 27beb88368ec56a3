"""Who may change which policies."""
