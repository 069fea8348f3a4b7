"""Many machines: a dask cluster, looked at and spoken to. Without it, nothing here is loaded."""
