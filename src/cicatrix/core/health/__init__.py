"""How healthy one commit is: declared checks, what they measured, scores, and what follows from them."""
