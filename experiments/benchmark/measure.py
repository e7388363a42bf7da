"""Measures comparisons: searches the best configurations, races the peers, and returns the results as plain data."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from aeden.nn.autoencoders import ConvAutoencoder
from aeden.nn.unet import UNet
from experiments.benchmark.libraries import BEST_FOUND, Peer, configurations
from experiments.benchmark.peers import UNET_BLOCKS, UNET_FEATURES
from experiments.benchmark.plan import Comparison
from experiments.benchmark.race import Race, Timing
from experiments.benchmark.search import search


def measure(
    comparisons: Sequence[Comparison],
    make_race: Callable[[Callable[[str], object]], Race],
    peers: dict[str, Peer],
    on_cpu: bool = True,
    earlier: Sequence[dict[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Runs the comparisons under a progress bar, and returns their results as plain data.

    Args:
      comparisons: what to measure.
      make_race: (shows one line about what is being done) -> a race.
      peers: the peers by name.
      on_cpu: there is no GPU.
      earlier: results of earlier sittings, whose searches are not repeated.
    """
    results = []
    bar = tqdm(comparisons, unit=" comparisons", dynamic_ncols=True, disable=not sys.stderr.isatty())
    with make_race(bar.set_postfix_str) as race:
        for comparison in bar:
            bar.set_description(describe(comparison))
            if not sys.stderr.isatty():
                print(describe(comparison), file=sys.stderr, flush=True)
            found, searches = find_best(comparison, bar.set_postfix_str, on_cpu, earlier)
            racing = [*(peers[name] for name in comparison.peers), *found]
            if comparison.own_processes:
                with make_race(bar.set_postfix_str) as own:
                    timings = own.run(racing, comparison.job, comparison.settings)
            else:
                timings = race.run(racing, comparison.job, comparison.settings)
                for peer in found:  # the next comparison may find another one of this name
                    race.stop(peer.name)
            results.append(record(comparison, timings, searches))
    return results


def find_best(
    comparison: Comparison, show: Callable[[str], object], on_cpu: bool, earlier: Sequence[dict[str, Any]] = ()
) -> tuple[list[Peer], list[dict[str, Any]]]:
    """The best configuration of each library that a comparison searches, and the searches as plain data."""
    peers, searches = [], []
    for library in comparison.searched:
        tried = configurations(library, on_cpu)
        found = earlier_search(comparison, library, earlier)
        if found is None:
            found = search(tried, comparison.job, comparison.settings, lambda text: show(f"search: {text}")).record
            print(
                f"  {library}: best of {len(tried)} configurations: {found['chosen'] or 'none'} "
                f"({found['seconds']:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
        searches.append({**found, "library": library})
        name = BEST_FOUND.format(library)
        peers += [dataclasses.replace(peer, name=name) for peer in tried if peer.name == found["chosen"]]
    return peers, searches


def earlier_search(comparison: Comparison, library: str, earlier: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The last search of the same comparison among earlier results, if one found a configuration."""
    for result in reversed(earlier):
        if (result["section"], result["settings"]) == (comparison.section, comparison.settings):
            for one in result.get("search", []):
                if one["library"] == library and one["chosen"]:
                    return dict(one)
    return None


def record(comparison: Comparison, timings: list[Timing], searches: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of a comparison as plain data."""
    settings = comparison.settings
    result: dict[str, Any] = {
        "section": comparison.section,
        "settings": settings,
        "contenders": [timing.record() for timing in timings],  # the file format's name for the peers
    }
    chosen = {BEST_FOUND.format(one["library"]): one["chosen"] for one in searches}
    for contender in result["contenders"]:
        if contender["name"] in chosen:
            contender["configuration"] = chosen[contender["name"]]
    if comparison.job in ("training", "inference", "unet"):
        result["multiplications"] = network(comparison.job, settings).multiplications(
            settings["size"], settings["size"]
        )
    return result | ({"search": searches} if searches else {})


def network(job: str, settings: dict[str, Any]) -> ConvAutoencoder | UNet:
    """The network of a job, to count its multiplications."""
    # A nearest resize and its convolution need as many as the transposed convolution that they equal.
    decoder = "transpose" if settings["decoder"] == "upsample" else settings["decoder"]
    options: dict[str, Any] = {
        "channels": settings.get("channels", 1),
        "decoder_kernel_size": settings.get("decoder_kernel", 0),
    }
    if job == "unet":
        return UNet(decoder, UNET_FEATURES, blocks=UNET_BLOCKS, residual=True, use_bias=False, **options)
    return ConvAutoencoder(decoder, **options)


def describe(comparison: Comparison) -> str:
    """One line about a comparison, for the progress bar."""
    settings = ", ".join(f"{name.rstrip('_')} {value}" for name, value in comparison.settings.items())
    return f"{comparison.section}: {settings}"
