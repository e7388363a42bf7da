"""The HTML report of a grid: page.py puts it together, from sections that all tasks have and one module per task."""
