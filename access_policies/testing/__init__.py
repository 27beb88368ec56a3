"""Tests that stand beside policies: people, rows and who gets what."""
