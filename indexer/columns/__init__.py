"""The in-memory mirror of product facts that filters and facets read."""
