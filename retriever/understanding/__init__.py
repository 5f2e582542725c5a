"""What a shopper means, read before anything is searched: one stage a file."""
