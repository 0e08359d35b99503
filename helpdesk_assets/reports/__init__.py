"""The report: an HTML page of the models, and of whether they can be trusted."""
