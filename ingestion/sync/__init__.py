"""The job that brings a source into the index."""
