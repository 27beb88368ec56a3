"""Reading single records from their source, now."""
