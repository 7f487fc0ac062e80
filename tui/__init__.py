"""The faces of Offramp: the command line in `tui.cli` (the screens live beside it)."""
