"""How the same would be done with a job or a task a delivery, done as well as we can."""
