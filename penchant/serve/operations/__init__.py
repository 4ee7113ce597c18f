"""What a server measures of itself, and tells whoever runs it."""
