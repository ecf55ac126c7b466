"""Faults on purpose: damage, hostile files, kills, company, scarcity, endurance; `python -m Testing.faults --help`."""
