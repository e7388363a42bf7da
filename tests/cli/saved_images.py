"""Images that the tests of commands give them."""

from aeden.data.image_output import Page, format_of_suffix, write_image


def save(path, pixels, *more, alpha=None):
    """Writes an image, or the pages of a TIFF, in the format of the suffix; returns the pixels of the first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        write_image(file, format_of_suffix(path.suffix), [Page(one, alpha) for one in (pixels, *more)])
    return pixels
