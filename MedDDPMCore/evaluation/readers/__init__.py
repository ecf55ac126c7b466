"""The reader study: blinded cases, their key, and its score."""
