"""The Kubernetes operator: WorkerPools scale Deployments."""
