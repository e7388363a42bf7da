"""The page in the browser of `aeden demo`: finished runs restore an image side by side."""
