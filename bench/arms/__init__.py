"""Those that do the same job: Argosy, a plain client, built-in controllers, a plain operator."""
