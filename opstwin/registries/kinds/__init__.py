"""How each type of registry signs in: one module for each, and nothing that asks for images."""
