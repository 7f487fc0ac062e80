"""Databases that rows go to: `base` is the interface, `rules` and `fitting` say what becomes of types; one
module or package for each kind. They are found by mode through the entry-point group `offramp.targets`."""
