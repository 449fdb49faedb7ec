"""Computes on columns, writes and reads Parquet with each codec, a partitioned data set, and Arrow's own format."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import csv, ipc, parquet

table = pa.table({"year": [2023, 2024, 2024], "city": ["Paris", "Ōsaka", None], "rain": [1.5, 2.5, None]})
assert pc.sum(table["rain"]).as_py() == 4
assert table.group_by("year").aggregate([("rain", "max")]).sort_by("year").to_pydict()["rain_max"] == [1.5, 2.5]

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    for codec in ("snappy", "gzip", "zstd", "lz4", "brotli"):
        parquet.write_table(table, folder / codec, compression=codec)
        assert parquet.read_table(folder / codec).equals(table)
    ds.write_dataset(table, folder / "set", format="parquet", partitioning=["year"])
    wet = ds.dataset(folder / "set", partitioning=["year"]).to_table(filter=pc.field("rain") > 2)
    assert wet["city"].to_pylist() == ["Ōsaka"]
    csv.write_csv(table, folder / "csv")
    assert csv.read_csv(folder / "csv").num_rows == 3

sink = pa.BufferOutputStream()
with ipc.new_stream(sink, table.schema) as writer:
    writer.write_table(table)
assert ipc.open_stream(sink.getvalue()).read_all().equals(table)
