"""Structured streaming as PySpark 4.0.1 drives it; prints what it saw as JSON. Arguments: sc:// address, log URL, directory in the cluster."""

import json
import sys
import time

from pyspark.errors import AnalysisException, StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import StreamingQueryListener

remote, log, base = sys.argv[1:4]
spark = SparkSession.builder.remote(remote).getOrCreate()
results = {}


def error_of(run):
    try:
        run()
    except Exception as error:
        return [type(error).__name__, str(error).split("\n")[0][:200]]
    return None


# A topic of JSON clicks, counted by minute and product.
records = spark.readStream.format("quarry-log").option("url", log).option("subscribe", "clicks").option("startingOffsets", "earliest").load()
results["columns"] = records.schema.simpleString()
results["streaming"] = [records.isStreaming, spark.range(1).isStreaming]
clicks = records.select(F.from_json(F.col("value").cast("string"), "msec DOUBLE, product STRING").alias("c")).select(
    "c.product", F.timestamp_seconds("c.msec").alias("time")
)
counts = (
    clicks.withWatermark("time", "10 minutes")
    .groupBy(F.window("time", "1 minute"), "product")
    .count()
    .select(F.date_format("window.start", "HH:mm").alias("minute"), "product", "count")
)


class Listener(StreamingQueryListener):
    def __init__(self):
        self.events = []

    def onQueryStarted(self, event):
        self.events.append(["started", event.name])

    def onQueryProgress(self, event):
        self.events.append(["progress", event.progress.batchId])

    def onQueryIdle(self, event):
        pass

    def onQueryTerminated(self, event):
        self.events.append(["terminated", event.exception])


listener = Listener()
spark.streams.addListener(listener)
query = counts.writeStream.format("memory").queryName("counted").outputMode("complete").trigger(availableNow=True).start()
query.awaitTermination()
progress = query.lastProgress
results["memory"] = {
    "rows": sorted([list(row) for row in spark.table("counted").collect()]),
    "progress": [progress.name, progress.numInputRows >= 0, progress.sources[0].description, progress.sink.description],
    "batches": [p.batchId for p in query.recentProgress],
    "input": sum(p.numInputRows for p in query.recentProgress),
    "active": query.isActive,
    "exception": query.exception(),
    "watermark": "watermark" in progress.eventTime,
}
spark.streams.removeListener(listener)
results["events"] = [listener.events[0], listener.events[-1], any(e[0] == "progress" for e in listener.events)]

# The function of foreachBatch runs in a process of its own, beside the driver; its data frame writes to the cluster.
def keep(batch, batch_id):
    batch.write.mode("overwrite").parquet(f"{base}/batches/{batch_id}")


query = clicks.writeStream.foreachBatch(keep).option("checkpointLocation", f"{base}/checkpoint").trigger(availableNow=True).start()
query.awaitTermination()
results["foreachBatch"] = spark.read.parquet(f"{base}/batches/*").count()


def fail(batch, batch_id):
    raise ValueError(f"not this batch: {batch.count()}")


query = clicks.writeStream.foreachBatch(fail).start()
try:
    query.awaitTermination()
    results["failed"] = None
except StreamingQueryException as error:
    results["failed"] = ["ValueError: not this batch" in str(error), error.getCondition()]
results["exception"] = "not this batch" in str(query.exception())

try:
    spark.streams.awaitAnyTermination(1)
    results["anyFailed"] = None
except StreamingQueryException as error:
    results["anyFailed"] = query.id in str(error)
spark.streams.resetTerminated()

# Rows with a rate, into files, stopped and started again from the checkpoint.
rate = spark.readStream.format("rate").option("rowsPerSecond", 50).load()


def into_files():
    return (
        rate.writeStream.format("parquet")
        .option("path", f"{base}/rate")
        .option("checkpointLocation", f"{base}/rate-checkpoint")
        .trigger(processingTime="500 milliseconds")
        .queryName("rate")
        .start()
    )


query = into_files()
first_id = query.id
results["names"] = [[q.name for q in spark.streams.active], spark.streams.get(query.id).name]
results["taken"] = error_of(lambda: rate.writeStream.format("noop").queryName("rate").start())
deadline = time.time() + 20
while query.lastProgress is None or query.lastProgress.numInputRows == 0 or query.lastProgress.batchId < 2:
    if time.time() > deadline:
        break
    time.sleep(0.2)
results["status"] = sorted(query.status.keys())
query.stop()
results["stopped"] = [query.isActive, query.awaitTermination(5)]
query = into_files()
results["sameId"] = query.id == first_id
time.sleep(1)
query.stop()
values = sorted(row.value for row in spark.read.parquet(f"{base}/rate").select("value").collect())
results["rate"] = values == list(range(len(values))) and len(values) > 10
results["any"] = spark.streams.awaitAnyTermination(1)
spark.streams.resetTerminated()

# New files of a directory.
spark.range(5).write.parquet(f"{base}/in/a")
files = spark.readStream.schema("id BIGINT").parquet(f"{base}/in/*")
query = files.writeStream.format("memory").queryName("files").start()
query.processAllAvailable()
before = spark.table("files").count()
spark.range(5, 8).write.parquet(f"{base}/in/b")
query.processAllAvailable()
results["files"] = [before, sorted(row.id for row in spark.table("files").collect())]
query.stop()

# The log as a table.
batch = spark.read.format("quarry-log").option("url", log).option("subscribe", "clicks").load()
results["batch"] = [batch.count(), batch.select(F.max("offset")).first()[0] is not None]

counted = clicks.groupBy("product").count()
results["errors"] = {
    "collect": error_of(lambda: rate.collect()),
    "write": error_of(lambda: rate.write.parquet("/x")),
    "batch": error_of(lambda: spark.range(3).writeStream.start()),
    "append": error_of(lambda: counted.writeStream.format("noop").start()),
    "complete": error_of(lambda: rate.writeStream.format("noop").outputMode("complete").start()),
    "sort": error_of(lambda: rate.orderBy("value").writeStream.format("noop").start()),
    "watermark": error_of(lambda: rate.withWatermark("value", "1 minute").schema),
    "schema": error_of(lambda: spark.readStream.parquet("/x").schema),
    "topic": error_of(
        lambda: spark.readStream.format("quarry-log").option("url", log).option("subscribe", "none").load()
        .writeStream.format("noop").start().awaitTermination()
    ),
}
print(json.dumps(results, default=str))
spark.stop()
