"""Tables, outcomes and figures computed from a run."""
