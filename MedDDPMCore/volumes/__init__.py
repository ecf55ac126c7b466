"""Arrays in the world: geometries, files, model grids and label schemes."""
