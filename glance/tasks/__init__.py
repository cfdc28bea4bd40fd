"""Work that continues after the response to its request."""
