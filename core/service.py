"""Everything that a face may ask of Offramp. The command line and the screens call nothing else."""
