"""What maintains the repository: locks, generated files, reference pages. `make` runs them."""
