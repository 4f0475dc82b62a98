"""When a commit is rolled back, which one, and how: decided as values, without git and without GitHub."""
