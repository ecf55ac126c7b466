"""The boxes of the module's window, one a file."""
