"""The progress line of a training."""

from __future__ import annotations

import sys
import time


class Progress:
    """A progress bar with loss, images/s and remaining time; without a terminal, a plain line every ten seconds.

    Args:
      total: number of images of the whole training.
      done: number of images before this start.
      shown: whether this process prints anything.
    """

    SECONDS_BETWEEN_LINES = 10.0

    def __init__(self, total: int, done: int, shown: bool):
        self._total, self._done, self._start = total, done, done
        self._shown, self._bar, self._compiling = shown, None, True
        self._began = self._last_line = time.monotonic()
        if shown and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=done,
                unit=" images",
                unit_scale=True,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar}| {desc}{rate_fmt}, {remaining} left",
            )

    def advance(self, images: int, step: int, loss: float) -> None:
        """Adds trained images, and shows the step and the loss."""
        self._done += images
        first, self._compiling = self._compiling, False
        if first:
            # The first call compiles, so it is left out of the rate.
            self._began, self._start = time.monotonic(), self._done
        if self._bar is not None:
            self._bar.set_description_str(f"step {step}, loss {loss:.4f}, ", refresh=False)
            self._bar.update(images)
        elif self._shown and not first and time.monotonic() - self._last_line >= self.SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            rate = (self._done - self._start) / (self._last_line - self._began)
            left = format_time((self._total - self._done) / rate)
            self.say(f"{self._done / self._total:4.0%}  step {step}  loss {loss:.4f}  {rate:.0f} images/s  {left} left")

    def say(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._shown:
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def format_time(seconds: float) -> str:
    """A duration as minutes:seconds or hours:minutes:seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
