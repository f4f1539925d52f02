"""The benchmark that the project's claims come from: what is run, how it is scored, and the page about it."""
