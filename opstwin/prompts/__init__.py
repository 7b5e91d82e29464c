"""Texts for models: one Markdown file per prompt, each with a version. No code beyond the loader."""
