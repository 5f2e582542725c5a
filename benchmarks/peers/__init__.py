"""Compare dsv3 with other search libraries."""
