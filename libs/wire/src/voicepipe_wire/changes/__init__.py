"""What users and operators do to jobs, each as one transaction.

Each function takes a job that the transaction has locked (`jobs.lock`), and says whether the change was possible. status calls them for requests;
the controller calls them for commands that the previous version has left in the stream (`commands`). They touch PostgreSQL only: what follows
outside of it travels through the outbox, or waits in the table `deletions`.
"""
