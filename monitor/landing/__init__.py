r"""Where rows that arrive are made durable: appended to a log, then landed as Parquet.

A `Landing` is one folder and one kind of row (a model's predictions, or its labels):

    wal/00000007.wal                  the log: rows that are durable and not yet landed
    date=2026-03-01/00000006.parquet  landed rows, in the partition of their day
    date=2026-03-01/_00000006.ids     what these rows are known by, to land none twice
    date=2026-03-01/00000001-00000005.parquet   files that were small, merged
    traffic/2026-03-01.json           counts of all rows that came, sampled or not
    landing.json                      which columns know a row, and which one dates it

Any producer of rows uses it the same way, be it a request or a consumer of a queue:

    with Landing.open(folder, Shape(key=("id",), time="at")) as landing:
        landing.append([batch], received=now)   # returns once the rows are on the disk
        ...                                     # and only now is the sender told so
        landing.land(now)                       # from time to time, in any thread
        landing.merge(now)                      # likewise, when nothing else is to do

`append` raises `LandingError` when the rows could not be made durable: then nothing of
them may be acknowledged, and the sender sends them again. It may be called from many
threads, and gathers no rows itself: hand over many at once, one sync is paid for all.
Rows sent again are appended again, and landed once: of several with one key, the first.

Reading needs no `Landing`, and disturbs none: `Folder(path).rows()` yields what is in
the log as it will be landed, and names the Parquet files to be read beside it. These
may be merged before they are opened: `wherever(file, open)` finds them all the same.
"""

from monitor.landing.compaction import Shape
from monitor.landing.counters import Counters, Stretch
from monitor.landing.days import wherever
from monitor.landing.folder import Folder
from monitor.landing.landing import Landing, LandingError

__all__ = [
    "Counters",
    "Folder",
    "Landing",
    "LandingError",
    "Shape",
    "Stretch",
    "wherever",
]
