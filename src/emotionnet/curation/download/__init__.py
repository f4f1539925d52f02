"""Fetch the pictures of web records, politely, and so that a killed run goes on where it was.

The way of a URL, file by file:

- `run` is what the command calls. `listing` reads a list or a DATASET into the ledger.
- `ledger` (its tables: `ledger_schema`) knows a state and a reason for every URL.
- `crawl` takes what waits, host by host, and commits what became of it in batches.
- `attempts` tries one URL until it has a state; `lost` is why it gave no picture.
- `fetch` follows redirects, and asks `robots` before each request; `places` takes URLs apart; `headers` reads
  what hosts say.
- `web` makes one request under all limits: `hosts` says whose turn it is, `connecting` to which addresses.
- `pictures` makes of a body a picture that can be kept; `keeping` says how: in a `folder`, or in `shards`.
- `results` writes the table that came of a list, `fetched_dataset` the DATASET that came of a DATASET, and
  `summary` counts.
"""
