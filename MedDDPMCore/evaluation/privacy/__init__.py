"""Whether synthetic images are copies of training images."""
