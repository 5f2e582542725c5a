"""Queries in, ranked products out."""
