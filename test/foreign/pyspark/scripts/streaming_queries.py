"""What PySpark's users do with streams of files; prints what it saw as JSON. Arguments: sc:// address, directory in the cluster, one of this host."""

import contextlib
import io
import json
import os
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import StreamingQueryListener

remote, base, local = sys.argv[1:4]
spark = SparkSession.builder.remote(remote).getOrCreate()
spark.conf.set("spark.sql.streaming.noDataProgressEventInterval", "200")
results = {}
SCHEMA = "id BIGINT, k STRING, t TIMESTAMP"


def error_of(run):
    try:
        run()
    except Exception as error:
        return [type(error).__name__, str(error).split("\n")[0][:300]]
    return None


def source(**options):
    return spark.readStream.schema(SCHEMA).options(**{"maxFilesPerTrigger": 1, **options}).json(f"{base}/json")


count = 0


def run(frame, mode="append", **trigger):
    """The rows that a query leaves in memory, and the query."""
    global count
    count += 1
    name = f"memory{count}"
    query = frame.writeStream.format("memory").queryName(name).outputMode(mode).trigger(**(trigger or {"availableNow": True})).start()
    query.awaitTermination()
    return sorted([list(row) for row in spark.table(name).collect()], key=str), query


def rows(frame, mode="append", **trigger):
    return run(frame, mode, **trigger)[0]


def write(frame, name, **options):
    return frame.writeStream.option("checkpointLocation", f"{base}/checkpoints/{name}").options(**options).trigger(availableNow=True)


def done(query):
    query.awaitTermination()
    return query


# Sources. Names that begin with _ or . are not there.
_, query = run(source().select("id"))
results["files"] = [[p.batchId, p.numInputRows, str(p.sources[0].endOffset)] for p in query.recentProgress]
results["outstanding"] = [p.sources[0].metrics["numFilesOutstanding"] for p in query.recentProgress]
_, query = run(source(latestFirst=True).select("id"))
results["latestFirst"] = [row.id for row in spark.table(query.name).collect()]
results["filtered"] = rows(source(pathGlobFilter="b*").select("id"))
results["csv"] = rows(spark.readStream.schema("id BIGINT, name STRING").option("header", True).csv(f"{base}/csv"))
results["text"] = rows(spark.readStream.text(f"{base}/text"))
results["once"] = len(run(source(), once=True)[1].recentProgress)

# Operators.
results["duplicates"] = [
    rows(source().select("k").dropDuplicates()),
    rows(source().withWatermark("t", "1 minute").dropDuplicatesWithinWatermark(["k"]).select("k")),
]
results["aggregates"] = rows(
    source().agg(F.stddev("id"), F.approx_count_distinct("k"), F.max_by("k", "id"), F.first("id"), F.last("id"), F.collect_list("id")), "complete"
)
results["top"] = [
    list(row) for row in spark.table(run(source().groupBy("k").count().orderBy(F.desc("count"), "k").limit(1), "complete")[1].name).collect()
]
results["union"] = rows(source().union(source()).withWatermark("t", "1 minute").groupBy(F.window("t", "1 minute")).count().select("count"))
names = spark.createDataFrame([("a", "A")], "k STRING, name STRING")
results["join"] = rows(source().join(names, "k", "left").select("id", "name"))

# Sinks.
def one(row):
    with open(f"{local}/one", "a") as out:
        out.write(f"{row.id} {row.t.year}\n")


class Writer:
    def open(self, partition_id, epoch_id):
        self.out = open(f"{local}/writer", "a")
        self.out.write(f"open {epoch_id}\n")
        return epoch_id > 0

    def process(self, row):
        self.out.write(f"row {row.id}\n")

    def close(self, error):
        self.out.write(f"close {error}\n")
        self.out.close()


def bad(row):
    raise ValueError(f"no {row.id}")


def both(batch, batch_id):
    batch.write.mode("append").parquet(f"{base}/both/rows")
    batch.groupBy("k").count().write.mode("overwrite").parquet(f"{base}/both/counts-{batch_id}")


done(write(source(), "one").foreach(one).start())
done(write(source(), "writer").foreach(Writer()).start())
results["foreach"] = [sorted(open(f"{local}/one").read().split("\n")[:-1]), open(f"{local}/writer").read().split("\n")[:-1]]
results["foreachFails"] = error_of(lambda: done(write(source(), "bad").foreach(bad).start()))
done(write(source(), "both").foreachBatch(both).start())
results["both"] = [spark.read.parquet(f"{base}/both/rows").count(), sorted(row[0] for row in spark.read.parquet(f"{base}/both/counts-*").select("k").collect())]
done(write(source(), "parts").partitionBy("k").start(f"{base}/parts"))
results["parts"] = sorted(row.id for row in spark.read.parquet(f"{base}/parts").where("k = 'a'").collect())


def counts(name):
    return done(write(source().groupBy("k").count(), "kept").queryName(name).format("memory").outputMode("complete").start())


counts("kept")
results["kept"] = [spark.sql("SELECT sum(count) AS n FROM kept").first().n, len(counts("kept").recentProgress)]


# The manager, listeners, plans.
class Listener(StreamingQueryListener):
    def __init__(self):
        self.events = []

    def onQueryStarted(self, event):
        self.events.append(["started", event.name, str(event.runId)])

    def onQueryProgress(self, event):
        self.events.append(["progress", event.progress.batchId, str(event.progress.runId)])

    def onQueryIdle(self, event):
        self.events.append(["idle", len(event.timestamp), str(event.runId)])

    def onQueryTerminated(self, event):
        self.events.append(["terminated", event.errorClassOnException, str(event.runId)])


spark.streams.resetTerminated()
listener = Listener()
spark.streams.addListener(listener)
first = source().where("id > 1").writeStream.format("noop").queryName("first").start()
second = source().select(F.expr("id / 0")).writeStream.format("noop").queryName("second").start()
results["failed"] = [error_of(second.awaitTermination)[0], "DIVIDE_BY_ZERO" in str(second.exception()), second.isActive]
first.processAllAvailable()
text = io.StringIO()
with contextlib.redirect_stdout(text):
    first.explain()
results["explain"] = [line.strip() for line in text.getvalue().split("\n") if "Plan" in line or "Filter" in line]
results["manager"] = [
    [q.name for q in spark.streams.active],
    spark.streams.get(first.id).name,
    spark.streams.get(second.id),
    error_of(lambda: spark.streams.awaitAnyTermination(1))[0],
    spark.streams.resetTerminated(),
    spark.streams.awaitAnyTermination(1),
    first.exception(),
    first.status,
]
deadline = time.time() + 20
while not any(e[0] == "idle" for e in listener.events) and time.time() < deadline:
    time.sleep(0.1)
first.stop()
results["stopped"] = [spark.streams.awaitAnyTermination(5), first.status["message"], spark.streams.active]
while sum(e[0] == "terminated" for e in listener.events) < 2 and time.time() < deadline:
    time.sleep(0.1)
spark.streams.removeListener(listener)


def events_of(query):
    seen = []
    for event in listener.events:
        if event[2] == str(query.runId) and event[:2] not in seen:
            seen.append(event[:2])
    return seen


results["events"] = [events_of(first), events_of(second)]

progress = json.loads(run(source().withWatermark("t", "1 minute").groupBy(F.window("t", "1 minute")).count())[1].recentProgress[1].json)
results["progress"] = {
    "keys": sorted(progress),
    "durations": sorted(progress["durationMs"]),
    "eventTime": sorted(progress["eventTime"]),
    "state": sorted(progress["stateOperators"][0]),
    "source": sorted(progress["sources"][0]),
    "sink": sorted(progress["sink"]),
}

noop = lambda frame, mode="append": frame.writeStream.format("noop").outputMode(mode).start()
counted = lambda column: done(write(source().groupBy(column).count(), "changed").format("noop").outputMode("update").start())
counted("k")
results["errors"] = {
    "path": error_of(lambda: noop(spark.readStream.schema("id BIGINT").json(f"{base}/none"))),
    "count": error_of(lambda: noop(source(maxFilesPerTrigger="x"))),
    "clean": error_of(lambda: noop(source(cleanSource="archive"))),
    "ramp": error_of(lambda: noop(spark.readStream.format("rate").option("rampUpTime", "x").load())),
    "continuous": error_of(lambda: source().writeStream.format("noop").trigger(continuous="1 second").start()),
    "distinct": error_of(lambda: noop(source().agg(F.count_distinct("k")), "complete")),
    "parts": error_of(lambda: noop(source().agg(F.corr("id", "id")), "complete")),
    "streams": error_of(lambda: noop(source().join(source(), "id"))),
    "withWatermark": error_of(lambda: noop(source().withWatermark("t", "1 minute").withWatermark("t", "2 minutes").groupBy("t").count())),
    "limit": error_of(lambda: noop(source().limit(1))),
    "partition": error_of(lambda: write(source(), "partition").partitionBy("zz").start(f"{base}/zz")),
    "memory": error_of(lambda: [done(write(source(), "memory").format("memory").queryName("m").start()) for _ in range(2)]),
    "table": error_of(lambda: write(source(), "table").toTable("somewhere")),
    "json": error_of(lambda: write(source(), "json").format("json").start(f"{base}/out")),
    "changed": error_of(lambda: counted("id")),
    "checkpoint": error_of(lambda: source().writeStream.start(f"{base}/zz")),
}
print(json.dumps(results, default=str))
spark.stop()
