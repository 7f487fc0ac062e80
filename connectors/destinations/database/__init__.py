"""Databases that rows go to, behind the interface of `connectors.targets`; one module or more for each kind.
They are found by mode through the entry-point group `offramp.targets`."""
