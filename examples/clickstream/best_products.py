"""The best products of one day, from the raw clicks that have landed: the PySpark form of best-products.ts.

    spark-submit examples/clickstream/best_products.py --date 2026-11-21 --tables jdbc:mysql://HOST:PORT/DB --replace
"""

import argparse
import os

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

parser = argparse.ArgumentParser()
parser.add_argument("--date", required=True, help="YYYY-MM-DD")
parser.add_argument("--input", default="/data/raw/clicks")
parser.add_argument("--tables", required=True, help="jdbc:mysql://HOST:PORT/DB or jdbc:quarry://HOST:PORT/NAME")
parser.add_argument("--user", default=os.environ.get("CLICKS_TABLES_USER", ""))
parser.add_argument("--password", default=os.environ.get("CLICKS_TABLES_PASSWORD", ""))
parser.add_argument("--replace", action="store_true", help="one result a date, however often it is run")
args = parser.parse_args()

spark = SparkSession.builder.appName(f"best products of {args.date}").getOrCreate()
clicks = (
    spark.read.parquet(f"{args.input}/{args.date.replace('-', '/')}")
    .filter(F.col("late") == F.lit(False))
    .withColumn("ds", F.lit(args.date))
)
ranking = (
    clicks.groupBy("ds", "product")
    .agg(F.count(F.lit(1)).alias("clicks"))
    .withColumn("position", F.row_number().over(Window.orderBy(F.desc("clicks"), F.col("product"))))
)
minute = F.date_format(F.date_trunc("minute", F.col("event_time")), "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("minute")
per_minute = clicks.groupBy("ds", minute, "product").agg(F.count(F.lit(1)).alias("clicks"))

for table, rows in (("best_products", ranking), ("clicks_per_minute", per_minute)):
    writer = rows.write.format("jdbc").option("url", args.tables).option("dbtable", table).mode("append")
    writer = writer.option("user", args.user).option("password", args.password)
    (writer.option("quarry.replaceKeys", "ds") if args.replace else writer).save()
ranking.orderBy("position").show(10, truncate=False)
spark.stop()
