"""Appends rows to a table, and fails after that on the first try: what a worker that dies between write and report looks like."""

import os
import sys

from pyspark.sql import SparkSession

tables = sys.argv[sys.argv.index("--tables") + 1]
spark = SparkSession.builder.master("yarn").getOrCreate()
writer = spark.range(10).write.format("jdbc").option("url", tables).option("dbtable", "retried").mode("append")
writer.option("user", os.environ["CLICKS_TABLES_USER"]).option("password", os.environ["CLICKS_TABLES_PASSWORD"]).save()
if os.environ["AIRFLOW_CTX_TRY_NUMBER"] == "1":
    sys.exit(3)
