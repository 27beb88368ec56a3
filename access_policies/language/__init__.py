"""The language of rules: text in, checked predicate out, and back into words."""
