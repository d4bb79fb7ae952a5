"""From whatever images a user has, or can get, to a folder that trains."""
