"""What every floor stands on: errors, devices, memory, files that came with the program, pictures."""
