"""From web records to a data set."""
