"""The Fleet planner: what a fleet says of itself, and of instances that were given up."""
