"""How to talk to each kind of destination, over fsspec. See `connectors.elsewhere`."""
