"""Who decides: labs, clouds, chipmakers and investors, and the decisions they take together."""
