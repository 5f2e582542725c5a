"""The in-memory columns of products that filters and facets read."""
