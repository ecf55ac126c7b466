"""Two folders of images compared: figures with intervals, and a report."""
