"""Language models behind one port, and all that stands between a request and a provider. What is asked is not known."""
