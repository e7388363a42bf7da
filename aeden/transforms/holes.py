"""Holes: noise that leaves parts of an image out, which are to be filled in (inpainting).

A hole depends on the key, the level, and the height and width of the image only, never on what the image shows. The
level is the share of the pixels left out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from aeden.shapes import Array, Bool, Float, Key

# Blocks per shorter side of an image.
BLOCKS = 4
# Strokes of an image, the straight pieces of each, the length of a piece as a share of the shorter side, and how far a
# stroke turns from piece to piece, in radians either way.
STROKES, PIECES, LENGTH, BEND = 4, 3, 0.3, 1.2


def masking(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Sets a random share `level` of the pixels to 0 in all channels (Vincent et al. 2010, section 3.3)."""
    kept = jax.random.uniform(key, (*image.shape[:-1], 1)) >= level
    return jnp.where(kept, image, 0.0)


def blocks(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Sets square blocks to 0 in all channels: those of a grid with a random offset, each with probability `level`.

    A block is a quarter of the shorter side wide: 7 pixels at 28 x 28. Blocks side by side make larger holes, as in
    Pathak et al. 2016, "Context encoders" (random blocks), and He et al. 2022 (masked patches).
    """
    height, width = image.shape[:2]
    side = max(min(height, width) // BLOCKS, 1)
    offset_key, cell_key = jax.random.split(key)
    offset = jax.random.randint(offset_key, (2,), 0, side)
    out = jax.random.uniform(cell_key, (height // side + 2, width // side + 2)) < level
    rows, columns = (jnp.arange(height) + offset[0]) // side, (jnp.arange(width) + offset[1]) // side
    return _leave_out(image, out[rows[:, None], columns[None, :]])


def strokes(key: Key[Array, ""], image: Float[Array, "h w c"], level: Float[Array, ""]) -> Float[Array, "h w c"]:
    """Sets strokes of a brush to 0 in all channels: a share `level` of the pixels, those nearest to four bent lines.

    The higher the level, the thicker the strokes. Free-form holes like those of Yu et al. 2019, "Free-form image
    inpainting with gated convolution", with an exact share.
    """
    distance = _distance_to_lines(key, *image.shape[:2])
    nearest = distance < jnp.quantile(distance, jnp.clip(level, 0.0, 1.0))
    return _leave_out(image, nearest | (level >= 1.0))


def _distance_to_lines(key: Key[Array, ""], height: int, width: int) -> Float[Array, "h w"]:
    """The distance of each pixel's middle to the nearest of `STROKES` random bent lines, in pixels."""
    start_key, first_key, turn_key = jax.random.split(key, 3)
    starts = jax.random.uniform(start_key, (STROKES, 1, 2)) * jnp.array([[[height, width]]])
    first = jax.random.uniform(first_key, (STROKES, 1), maxval=2 * jnp.pi)
    turns = jax.random.uniform(turn_key, (STROKES, PIECES - 1), minval=-BEND, maxval=BEND)
    angles = jnp.cumsum(jnp.concatenate([first, turns], axis=1), axis=1)
    steps = LENGTH * min(height, width) * jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    ends = starts + jnp.cumsum(steps, axis=1)
    begins = (ends - steps).reshape(-1, 1, 1, 2)
    steps = steps.reshape(-1, 1, 1, 2)
    pixels = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1)[None] + 0.5
    # The nearest point of each piece: how far along it the pixel's projection lies, within its ends.
    along = jnp.clip(jnp.sum((pixels - begins) * steps, axis=-1) / jnp.sum(steps**2, axis=-1), 0.0, 1.0)
    off = pixels - begins - along[..., None] * steps
    return jnp.sqrt(jnp.min(jnp.sum(off**2, axis=-1), axis=0))


def _leave_out(image: Float[Array, "h w c"], hole: Bool[Array, "h w"]) -> Float[Array, "h w c"]:
    return jnp.where(hole[..., None], 0.0, image)
