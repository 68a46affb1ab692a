"""The daily sales job as a PySpark user writes it. Prints its rows as JSON."""
import json
import sys

from pyspark.sql import SparkSession, functions as F

remote, date = sys.argv[1:3]
spark = SparkSession.builder.remote(remote).getOrCreate()
sales = spark.read.parquet(f"/data/raw/sales/{date}/*.parquet")
products = spark.read.parquet("/data/raw/products")
ranking = (
    sales.groupBy("product_id")
    .agg(F.sum("sales_value").alias("sales"), F.count("*").alias("baskets"))
    .join(products, "product_id", "left")
    .select("product_id", "product_type", F.round("sales", 2).alias("sales"), "baskets")
    .orderBy(F.desc("sales"), "product_id")
    .limit(20)
)
print(json.dumps({"columns": ranking.columns, "rows": [list(row) for row in ranking.collect()]}))
spark.stop()
