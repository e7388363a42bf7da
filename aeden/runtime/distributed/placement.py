"""Which process of a run this one is: from flags, or from what a cluster tells its processes."""

from __future__ import annotations

import dataclasses
import os
import socket
import warnings
from collections.abc import Mapping
from typing import Any

MODES = ("auto", "off")
# Variables with the number of processes and the index of this one: of Open MPI, and of MPICH and Intel MPI.
MPI = (("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"), ("PMI_SIZE", "PMI_RANK"))
# Index of this process among those of its machine, and their number.
LOCAL_RANKS = ("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
LOCAL_SIZES = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_TASKS_PER_NODE")


@dataclasses.dataclass(frozen=True)
class Place:
    """The place of a process in a run of several.

    Attributes:
      coordinator: host:port at which process 0 listens.
      processes: number of processes, 2 or more.
      process: index of this process, from 0.
      local_devices: the accelerators of this machine that this process uses; None for all that it sees.
      found_by: the cluster that told all this; "flags" if the user did.
    """

    coordinator: str
    processes: int
    process: int
    local_devices: tuple[int, ...] | None = None
    found_by: str = "flags"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the coordinator."""
        return split_address(self.coordinator)


def find_place(mode: str, coordinator: str | None, processes: int | None, process: int | None) -> Place | None:
    """The place of this process; None if it trains alone.

    Args:
      mode: "auto", or "off" to train alone wherever the process was started.
      coordinator: host:port of process 0; None if it is not given.
      processes: number of processes; None if it is not given.
      process: index of this process; None if it is not given. With `coordinator` alone, both are those that `mpirun`
        tells.

    Raises:
      ValueError: the flags cannot work together, or the cluster cannot be asked.
    """
    own_devices = None
    if coordinator is not None and processes is None and process is None:
        processes, process = launched(os.environ) or (None, None)
        local = next((os.environ[name] for name in LOCAL_RANKS if os.environ.get(name, "").isdecimal()), None)
        own_devices = local_devices(None if local is None else int(local), os.environ)
    given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    named = [name for name, value in given.items() if value is not None]
    if mode not in MODES:
        raise ValueError(f"--distributed={mode}: use auto or off")
    if mode == "off":
        if named:
            raise ValueError(f"--distributed=off trains in one process: leave out {' and '.join(named)}")
        return None
    if not named:
        return _from_cluster()
    if coordinator is None or processes is None or process is None:
        missing = [name for name, value in given.items() if value is None]
        raise ValueError(
            f"{' and '.join(missing)} missing: several processes need --coordinator=HOST:PORT of process 0, "
            "--processes=N and --process=0 to N-1"
        )
    if processes < 1 or not 0 <= process < processes:
        raise ValueError(
            f"--processes={processes} --process={process}: use 1 or more processes, and --process from 0 to "
            "the number of processes less one"
        )
    split_address(coordinator)
    return Place(coordinator, processes, process, own_devices) if processes > 1 else None


def launched(environment: Mapping[str, str]) -> tuple[int, int] | None:
    """Number of processes that an MPI launcher started, and the index of this one; None if there is none or only one.

    Args:
      environment: environment variables.

    Raises:
      ValueError: a variable is no number.
    """
    for size, rank in MPI:
        if size in environment and rank in environment:
            processes = _whole(environment, size)
            return (processes, _whole(environment, rank)) if processes > 1 else None
    return None


def in_cluster() -> bool:
    """Whether a launcher started this process, whose children would take themselves for the same place in the run."""
    names = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NODELIST", "JOB_COMPLETION_INDEX")
    return any(name in os.environ for name in names)


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "host:port"; an IPv6 address stands in brackets, "[::1]:1234".

    Raises:
      ValueError: it is not of this form, or the port is not in 1..65535.
    """
    host, _, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or (":" in bare and bare == host) or not (port.isascii() and port.isdigit()):
        raise ValueError(f"--coordinator={address} is no address: use HOST:PORT, for example 10.0.0.1:1234")
    if not 0 < int(port) < 65536:
        raise ValueError(f"--coordinator={address}: use a port from 1 to 65535")
    return bare, int(port)


def check_address(place: Place) -> None:
    """Looks up the coordinator's host, and in process 0 whether its port is free. JAX would crash if it is not.

    Raises:
      ValueError: the host is unknown, or the port cannot be used.
    """
    host, port = place.address
    if host in ("0.0.0.0", "::"):
        raise ValueError(
            f"--coordinator={place.coordinator}: {host} stands for every address: name the one of process 0's machine"
        )
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"the host {host} of --coordinator={place.coordinator} is not known here ({error})") from error
    if place.process == 0:
        try:
            _try_port(port)
        except OSError as error:
            raise ValueError(
                f"process 0 cannot listen at port {port} of --coordinator={place.coordinator} ({error.strerror}): "
                "choose another port, the same for all processes; does another process have --process=0?"
            ) from error


def _try_port(port: int) -> None:
    """Listens for a moment where the coordinator will. Raises OSError if this fails."""
    if socket.has_dualstack_ipv6():
        socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True).close()
    else:
        socket.create_server(("", port)).close()


def _from_cluster() -> Place | None:
    """The place that the cluster gives, by JAX's own detection; None outside a cluster, or if the process is alone."""
    from jax._src.clusters.cluster import ClusterEnv

    is_indexed = "JOB_COMPLETION_INDEX" in os.environ
    for cluster in ClusterEnv._cluster_types:
        # JAX takes every pod for part of a run and asks Kubernetes; only those of an indexed job can be.
        is_pod_alone = cluster.name == "k8s" and not is_indexed
        if cluster.opt_in_only_method or is_pod_alone:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of JAX, about the package that is named below
            present = cluster.is_env_present()
        if present:
            return _place_in(cluster)
    if found := launched(os.environ):
        raise ValueError(
            f"this is process {found[1]} of {found[0]} that mpirun started, which does not tell where process 0 is: "
            "add --coordinator=HOST:PORT with the host of process 0, or --distributed=off to train alone in each"
        )
    if is_indexed and "KUBERNETES_SERVICE_HOST" in os.environ:
        raise ValueError(
            "this pod of an indexed job cannot ask Kubernetes for its place in the run: pip install kubernetes, or "
            "give --coordinator, --processes and --process, or --distributed=off to train alone"
        )
    return None


def _place_in(cluster: Any) -> Place | None:
    try:
        processes = int(cluster.get_process_count())
        if processes < 2:
            return None
        port = os.environ.get("JAX_COORDINATOR_PORT")
        coordinator = cluster.get_coordinator_address(timeout_secs=60, override_coordinator_port=port)
        if coordinator.count(":") > 1 and not coordinator.startswith("["):
            host, _, port = coordinator.rpartition(":")
            coordinator = f"[{host}]:{port}"  # an IPv6 address, which Open MPI's detection leaves bare
        process, local = int(cluster.get_process_id()), cluster.get_local_process_id()
        if not 0 <= process < processes:
            raise ValueError(f"process {process} of {processes}")
        devices = local_devices(local, os.environ)
    except Exception as error:
        raise ValueError(
            f"this process runs under {cluster.name}, which does not tell its place in the run ({error}): give "
            "--coordinator, --processes and --process, or --distributed=off to train alone"
        ) from error
    return Place(coordinator, processes, process, devices, cluster.name)


def local_devices(local_process: int | None, environment: Mapping[str, str]) -> tuple[int, ...] | None:
    """The accelerators of a process that a cluster started: all that it sees, unless processes share the machine.

    JAX by itself would take one GPU per process, and leave seven of eight idle if there is one process per machine.

    Args:
      local_process: index of the process on its machine; None if the cluster does not tell.
      environment: environment variables.
    """
    sharing = next((environment[name] for name in LOCAL_SIZES if environment.get(name)), "1")
    # SLURM writes "8", "8(x2)" or "8(x2),4".
    if local_process is None or "JAX_LOCAL_DEVICE_IDS" in environment or set(_counts(sharing)) <= {1}:
        return None
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and len(visible.split(",")) == 1:
        return None  # the cluster has given it one of its own
    return (local_process,)


def _counts(tasks: str) -> list[int]:
    """The numbers of processes per machine in SLURM's notation."""
    counts = [part.partition("(")[0] for part in tasks.split(",")]
    if not all(count.isdecimal() for count in counts):
        raise ValueError(f"{tasks!r} is no list of processes per machine")
    return [int(count) for count in counts]


def _whole(environment: Mapping[str, str], name: str) -> int:
    if not environment[name].isdecimal():
        raise ValueError(f"the environment variable {name}={environment[name]} is no whole number")
    return int(environment[name])
