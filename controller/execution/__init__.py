"""The one loop: gather, plan, execute, write status."""
