"""Runs a lazy query on several threads, SQL, and a window; goes through Parquet and Arrow."""

from datetime import date
from io import BytesIO

import polars as pl

frame = pl.DataFrame(
    {"day": [date(2024, 2, 28 + i // 2) for i in range(4)], "who": ["a", "b"] * 2, "amount": [1.5, 2.5, 3.0, 4.0]}
)
totals = frame.lazy().group_by("who").agg(pl.col("amount").sum()).sort("who").collect()
assert totals.to_dicts() == [{"who": "a", "amount": 4.5}, {"who": "b", "amount": 6.5}]
assert frame.sql("select max(amount) as most from self").item() == 4
assert frame.with_columns(so_far=pl.col("amount").cum_sum().over("who"))["so_far"].to_list() == [1.5, 2.5, 4.5, 6.5]

file = BytesIO()
frame.write_parquet(file)
file.seek(0)
assert pl.read_parquet(file).equals(frame)
assert pl.from_arrow(frame.to_arrow()).equals(frame)
assert pl.DataFrame({"n": range(10**6)}).select(pl.col("n").sum()).item() == 499999500000
