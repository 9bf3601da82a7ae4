"""A blueprint is a root module in git plus `butai.yaml` beside it: how to make an environment from it."""
