"""What the people of a shop say of its search, in the shop's `rules.toml`."""
