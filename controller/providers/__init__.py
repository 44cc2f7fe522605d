"""What servers are made of."""
