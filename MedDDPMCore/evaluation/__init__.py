"""How good synthetic images are: metrics with intervals, feature networks, reports and figures."""
