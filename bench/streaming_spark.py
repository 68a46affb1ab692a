"""The query of bench/streaming.ts on Spark Structured Streaming: python streaming_spark.py SERVERS EVENTS ROUNDS JARS"""
import sys
import tempfile
import time

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json, timestamp_seconds, window

servers, events, rounds, jars = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.jars", jars)
    .config("spark.ui.enabled", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
for _ in range(rounds):
    with tempfile.TemporaryDirectory() as checkpoint:
        clicks = (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", servers)
            .option("subscribe", "clicks")
            .option("startingOffsets", "earliest")
            .load()
            .select(from_json(col("value").cast("string"), "msec DOUBLE, product STRING").alias("j"))
            .select(col("j.product"), timestamp_seconds(col("j.msec")).alias("t"))
            .withWatermark("t", "10 minutes")
        )
        started = time.monotonic()
        query = (
            clicks.groupBy(window("t", "1 minute"), "product")
            .count()
            .writeStream.format("noop")
            .outputMode("update")
            .option("checkpointLocation", checkpoint)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        seconds = time.monotonic() - started
        rows = sum(progress["numInputRows"] for progress in query.recentProgress)
        assert rows == events, f"{rows} of {events} events were counted"
        print(f"round {seconds:.3f}", flush=True)
spark.stop()
