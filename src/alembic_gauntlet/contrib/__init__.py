"""What works with other packages, none of which is needed otherwise."""
