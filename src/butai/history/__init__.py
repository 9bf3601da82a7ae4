"""What a git repository's history says about its Terraform files: who changed which block when, and who knows it today."""
