"""What is found in an MRI of a head: the head, its face and brain, its intensities, its place."""
