"""Policies as people write them: YAML documents, read strictly."""
