"""The programs that the module runs in the background, and what it asks of them."""
