"""Which products sold best on one day: rows of that day grouped by product, ranked, joined with the products' names.

Plain PySpark: where it runs is up to SPARK_REMOTE.

    quarry submit examples/daily_sales.py --date 2017-05-01 [--input /data/raw/sales] [--products /data/products] [--json]
"""

import argparse
import json

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

parser = argparse.ArgumentParser()
parser.add_argument("--date", required=True, help="YYYY-MM-DD")
parser.add_argument("--input", default="/data/raw/sales")
parser.add_argument("--products", default="/data/products")
parser.add_argument("--json", action="store_true")
args = parser.parse_args()

spark = SparkSession.builder.appName("daily sales").getOrCreate()
sales = spark.read.parquet(f"{args.input}/{args.date}")
products = spark.read.parquet(args.products)

# Money as decimals: their sum does not depend on the order in which nodes add it up.
ranking = (
    sales.groupBy("product_id")
    .agg(F.sum(F.col("sales_value").cast("decimal(12,2)")).alias("sales"))
    .withColumn("rank", F.row_number().over(Window.orderBy(F.desc("sales"), F.col("product_id"))))
    .filter(F.col("rank") <= 20)
    .join(products, "product_id", "left")
    .select("rank", "product_id", "product_type", "department", "sales")
    .orderBy("rank")
)

if args.json:
    print(json.dumps([row.asDict() for row in ranking.collect()], indent=2, default=str))
else:
    ranking.show(20, truncate=False)
spark.stop()
