"""Which image is of a version, where its name alone does not tell: by the tags in ECR, or by what a build on GitHub wrote."""
