"""The providers of servers, a folder each."""
