"""What can be evaluated: anything that ranks products for queries."""
