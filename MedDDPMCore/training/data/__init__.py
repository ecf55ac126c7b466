"""From images to packed sets, and from packed sets to batches."""
