"""Benchmark results as Markdown tables: `page.markdown` writes all of them."""
