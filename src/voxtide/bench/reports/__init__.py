"""Reports of runs. In: figures, or the JSON documents of earlier runs. Out: plots, an HTML page, a comparison."""
