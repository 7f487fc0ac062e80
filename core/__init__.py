"""What an export is and how it runs: no screen and no database driver is imported here."""

__version__ = "0.1.0"
