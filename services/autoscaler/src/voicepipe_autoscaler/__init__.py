"""Workers follow the queue: how many replicas a pool needs, and which of them may go."""
