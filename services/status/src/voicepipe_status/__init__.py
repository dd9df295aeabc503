"""Status: what a client reads about its recordings, and what it may still ask of them."""
