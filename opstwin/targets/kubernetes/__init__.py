"""The driver of Kubernetes clusters: raw JSON in and out, server-side apply for everything that Opstwin wants."""
