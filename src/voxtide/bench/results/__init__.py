"""Results of the bench. In: figures, or the JSON documents of earlier runs. Out: plots, a report, a comparison."""
