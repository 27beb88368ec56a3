"""A tenant's policies over time: versions, what happened to them, which one is in force."""
