"""Faults on purpose: damaged and hostile files, kills, company, scarcity and endurance; `python -m Testing.faults --help`."""
