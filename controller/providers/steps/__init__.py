"""Acts that are the same whatever servers are made of: requests and Jobs."""
