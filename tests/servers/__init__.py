"""Real database servers for tests: private, in temporary directories, ended by process id.

`mariadb` and `oceanbase` are session-scoped pytest fixtures (see `fixtures`). A server that isn't installed
skips the test with a line that says how to install it; with CI=true in the environment it fails instead.
"""
