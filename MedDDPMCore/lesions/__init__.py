"""Lesions of a mask: outlined, simulated, taken out, shaped and put back."""
