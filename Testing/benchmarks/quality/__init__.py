"""What the command quality.py measures with."""
