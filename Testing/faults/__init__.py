"""Faults on purpose: damaged and hostile files, kills, company and scarcity; `python -m Testing.faults --help`."""
