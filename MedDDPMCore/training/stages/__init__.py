"""The training of one stage of a model: settings, state, steps and validation."""
