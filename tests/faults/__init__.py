"""What goes wrong in real life, end to end: the real command, real servers, real file systems."""
