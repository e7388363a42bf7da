"""The address at which other machines reach this process, for collectives between CPUs.

Gloo offers the others the address that this machine's name stands for. On many machines that is 127.0.0.1 or 127.0.1.1
(Debian's /etc/hosts), where no other machine finds anybody. JAX has no setting for it, but its function that starts
Gloo takes the address (jax 0.10: `make_cpu_client` in `jax/_src/xla_bridge.py` calls it without one).
"""

from __future__ import annotations

import functools
import importlib
import ipaddress
import socket


def own_address(other: tuple[str, int]) -> str:
    """The address from which this machine reaches another one: that of the network interface of the route.

    Nothing is sent.

    Args:
      other: host, as a name or an address, and port.

    Raises:
      OSError: the host is unknown, or there is no route to it.
    """
    family, kind, _, _, address = socket.getaddrinfo(*other, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as unconnected:
        unconnected.connect(address)
        return str(unconnected.getsockname()[0])


def offer_own_address(coordinator: tuple[str, int]) -> None:
    """Lets Gloo offer the address from which the coordinator is reached, unless that is of this machine only.

    Call it before JAX's devices are used. Where JAX has no such function any more, nothing changes.

    Args:
      coordinator: host and port of process 0.
    """
    try:
        _jax = importlib.import_module("jax._src.lib")._jax
        start = _jax.make_gloo_tcp_collectives
        address = own_address(coordinator)
    except (ImportError, AttributeError, OSError):
        return
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        _jax.make_gloo_tcp_collectives = functools.partial(start, hostname=address)
