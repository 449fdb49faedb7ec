"""Reads CSV, groups, joins, resamples across a change of clocks, and goes through Parquet and back."""

from io import BytesIO, StringIO

import pandas as pd

orders = pd.read_csv(StringIO("customer,amount\nada,3.5\nbob,1.0\nada,6.5\n,2\n"))
assert orders.groupby("customer", dropna=False)["amount"].sum().to_dict()["ada"] == 10
names = pd.DataFrame({"customer": ["ada", "bob"], "name": ["Ada", "Bob"]})
joined = orders.merge(names, how="left", on="customer")
assert joined["name"].isna().sum() == 1
assert joined["name"].str.upper().iloc[0] == "ADA"

hours = pd.Series(1, pd.date_range("2024-03-30", "2024-04-01", freq="h", tz="Europe/Paris", inclusive="left"))
assert hours.resample("D").sum().tolist() == [24, 23]

file = BytesIO()
joined.to_parquet(file)
pd.testing.assert_frame_equal(pd.read_parquet(file), joined)
assert joined.pivot_table(index="customer", values="amount", aggfunc="max").loc["ada", "amount"] == 6.5
