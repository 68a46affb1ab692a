"""Protocol paths that a plain job does not reach. Prints JSON."""
import json
import sys
import threading
import time

import pandas as pd
from pyspark.sql import SparkSession, functions as F

spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
results = {}

# Every stream of this cluster ends after one response: what arrives came through ReattachExecute.
frame = spark.range(1_000_000).toPandas()
results["reattached"] = [len(frame), int(frame["id"].sum())]

spark.conf.set("spark.sql.session.localRelationCacheThreshold", "1000")
local = spark.createDataFrame(pd.DataFrame({"a": range(5000), "s": ["x" * 20] * 5000}))
results["artifact"] = [local.count(), local.agg(F.sum("a")).collect()[0][0]]
spark.conf.unset("spark.sql.session.localRelationCacheThreshold")


def endless():
    left = spark.range(2_000_000)
    right = spark.range(2_000_000).withColumnRenamed("id", "j")
    return left.crossJoin(right).agg(F.sum(F.col("id") * F.col("j") % 7)).collect()


def interrupted(stop):
    outcome = {}

    def run():
        spark.addTag("endless")
        try:
            endless()
        except Exception as thrown:
            outcome["error"] = "OPERATION_CANCELED" in str(thrown)

    worker = threading.Thread(target=run)
    worker.start()
    time.sleep(1.5)
    started = time.time()
    outcome["ids"] = len(stop())
    worker.join(timeout=30)
    outcome["seconds"] = time.time() - started
    return outcome


results["tag"] = interrupted(lambda: spark.interruptTag("endless"))
results["all"] = interrupted(lambda: spark.interruptAll())
results["after"] = spark.range(10).count()

other = SparkSession.builder.remote(sys.argv[1]).create()
spark.range(1).createOrReplaceTempView("mine")
spark.range(1).createOrReplaceGlobalTempView("everyones")
results["isolation"] = [spark.catalog.tableExists("mine"), other.catalog.tableExists("mine")]
results["shared"] = other.table("global_temp.everyones").count()

started = time.time()
for _ in range(20):
    spark.range(10).count()
results["countMs"] = (time.time() - started) / 20 * 1000
print(json.dumps(results))
other.stop()
spark.stop()
