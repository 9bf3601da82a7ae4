"""What the product never imports: set-up of tests, generated reference pages, pictures."""
