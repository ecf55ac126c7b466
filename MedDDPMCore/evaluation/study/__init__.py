"""The segmentation study: what synthetic images are worth to a segmentation network."""
