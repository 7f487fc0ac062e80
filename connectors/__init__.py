"""How to talk to each database and each destination; one module (or package) each."""
