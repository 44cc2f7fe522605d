"""What people are shown: looked up, forecast and told, for every front end alike."""
