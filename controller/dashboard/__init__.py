"""The answers of `presentation`, as pages in a browser: for one person, on the machine they sit at.

`kubectl argosy dashboard` comes here. Every page is read with that person's own rights, nothing is
written, and each page works without JavaScript.
"""
