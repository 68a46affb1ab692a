"""Clicks per minute and product, counted as they arrive: the PySpark form of clicks-per-minute.ts.

    quarry submit examples/clickstream/clicks_per_minute.py --log quarry-log://HOST:PORT --view-url quarry-views://HOST:PORT
"""

import argparse

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

parser = argparse.ArgumentParser()
parser.add_argument("--log", required=True, help="quarry-log://HOST:PORT or kafka://HOST:PORT")
parser.add_argument("--topic", default="clicks")
parser.add_argument("--view-url", required=True, help="quarry-views://HOST:PORT or redis://HOST:PORT")
parser.add_argument("--view", default="clicks")
parser.add_argument("--checkpoint", default="/system/checkpoints/clicks-per-minute")
parser.add_argument("--delay", default="10 minutes")
parser.add_argument("--trigger", default="1 second")
parser.add_argument("--available-now", action="store_true")
args = parser.parse_args()

spark = SparkSession.builder.appName("clicks per minute").getOrCreate()
kafka = args.log.startswith("kafka://")
records = (
    spark.readStream.format("kafka" if kafka else "quarry-log")
    .option("kafka.bootstrap.servers" if kafka else "url", args.log.removeprefix("kafka://"))
    .option("subscribe", args.topic)
    .option("startingOffsets", "earliest")
    .load()
)
per_minute = (
    records.select(F.from_json(F.col("value").cast("string"), "product STRING, msec DOUBLE").alias("click"))
    .select("click.product", F.col("click.msec").cast("timestamp").alias("time"))
    .withWatermark("time", args.delay)
    .groupBy(F.window("time", "1 minute"), "product")
    .agg(F.count(F.lit(1)).alias("clicks"))
    .select(F.date_format("window.start", "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("minute"), "product", "clicks")
)
writer = (
    per_minute.writeStream.format("redis" if args.view_url.startswith("redis://") else "quarry-view")
    .option("url", args.view_url)
    .option("view", args.view)
    .option("keyColumns", "minute")
    .option("fieldColumn", "product")
    .option("valueColumn", "clicks")
    .option("checkpointLocation", args.checkpoint)
    .queryName(args.view)
    .outputMode("update")
)
trigger = {"availableNow": True} if args.available_now else {"processingTime": args.trigger}
writer.trigger(**trigger).start().awaitTermination()
