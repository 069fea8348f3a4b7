"""Many machines: a dask cluster, looked at and spoken to. Nothing of dask is loaded before that."""

from typing import TYPE_CHECKING

from headrace.lazy import late

if TYPE_CHECKING:
    from .chosen import machines_of
    from .machines import ClusterMachines, cluster_machines

__all__ = ["ClusterMachines", "cluster_machines", "machines_of"]

__getattr__ = late(
    __name__,
    {"chosen": "machines_of", "machines": "ClusterMachines cluster_machines"},
)
