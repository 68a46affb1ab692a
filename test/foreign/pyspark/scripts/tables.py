"""Writes and reads tables with format jdbc: tables.py REMOTE URL USER PASSWORD. Prints one JSON object."""
import datetime
import decimal
import json
import sys

from pyspark.sql import SparkSession, functions as F

remote, url, user, password = sys.argv[1:5]
properties = {"user": user, "password": password, "driver": "com.mysql.cj.jdbc.Driver"}


def session(run_id=None):
    headers = "" if run_id is None else f"/;x-quarry-dag=nightly;x-quarry-task=rank;x-quarry-run-id={run_id}"
    return SparkSession.builder.remote(remote + headers).create()


def failure(call):
    try:
        call()
    except Exception as error:  # noqa: BLE001
        return str(error)
    return None


out = {}
spark = session()
rows = [
    (1, "Ann", True, decimal.Decimal("12.50"), 0.1, datetime.date(2024, 2, 29), datetime.datetime(2026, 3, 29, 1, 30, 0, 123456), bytearray(b"\x00\xff")),
    (2, None, None, None, None, None, None, None),
]
schema = "id BIGINT, name STRING, ok BOOLEAN, paid DECIMAL(12,2), score DOUBLE, day DATE, at TIMESTAMP, raw BINARY"
df = spark.createDataFrame(rows, schema)
df.write.jdbc(url, "people", mode="overwrite", properties=properties)
back = spark.read.jdbc(url, "people", properties=properties)
out["types"] = [f"{name} {kind}" for name, kind in back.dtypes]
out["same"] = sorted(map(str, back.collect())) == sorted(map(str, df.collect()))
out["exists"] = failure(lambda: df.write.jdbc(url, "people", properties=properties))
df.write.mode("ignore").jdbc(url, "people", properties=properties)
df.filter("id = 1").write.format("jdbc").options(url=url, dbtable="people", **properties).mode("append").save()
out["appended"] = spark.read.format("jdbc").options(url=url, query="SELECT count(*) AS n FROM people", **properties).load().collect()[0][0]
out["predicates"] = spark.read.jdbc(url, "people", predicates=["id = 2", "id = 1 AND score > 0"], properties=properties).count()
out["joined"] = back.join(spark.range(3), "id").groupBy().agg(F.count("*")).collect()[0][0]
df.filter("id = 2").select("id", "name").write.option("truncate", True).jdbc(url, "people", mode="overwrite", properties=properties)
out["truncated"] = [spark.read.jdbc(url, "people", properties=properties).count(), len(spark.read.jdbc(url, "people", properties=properties).columns)]

out["wide"] = failure(lambda: spark.range(1).select(F.array("id").alias("a")).write.jdbc(url, "nested", properties=properties))
out["noColumn"] = failure(lambda: spark.range(1).withColumn("extra", F.lit(1)).write.jdbc(url, "people", mode="append", properties=properties))
out["noUrl"] = failure(lambda: df.write.format("jdbc").option("dbtable", "people").save())
out["noTable"] = failure(lambda: spark.read.jdbc(url, "no_such_table", properties=properties).collect())
out["refused"] = failure(lambda: df.write.jdbc("jdbc:mysql://127.0.0.1:1/quarry", "t", properties={"user": "u", "password": "geheim"}))
out["badUrl"] = failure(lambda: df.write.jdbc("jdbc:postgresql://h/db?password=geheim", "t"))


def nightly(run_id, products):
    """The job of a DAG: two writes, the second of which replaces its date."""
    job = session(run_id)
    ranking = job.createDataFrame([("2026-11-21", p) for p in products], "ds STRING, product BIGINT")
    ranking.write.jdbc(url, "log", mode="append", properties=properties)
    ranking.write.option("quarry.replaceKeys", "ds").jdbc(url, "ranking", mode="append", properties=properties)
    job.stop()


def products(table):
    return sorted(r["product"] for r in spark.read.jdbc(url, table, properties=properties).collect())


nightly("run-1", [1, 2])
nightly("run-1", [1, 2])
out["retried"] = [products("log"), products("ranking")]
nightly("run-2", [2, 3])
out["otherRun"] = [products("log"), products("ranking")]
spark.range(200000).select(F.lit("d").alias("ds"), F.col("id").alias("product")).write.jdbc(url, "many", mode="overwrite", properties=properties)
out["many"] = spark.read.jdbc(url, "(SELECT count(*) AS n, sum(product) AS s FROM many) AS t", properties=properties).collect()[0]
out["many"] = [int(v) for v in out["many"]]
spark.stop()
print(json.dumps(out))
