"""An application as it runs on YARN, unchanged: a master, Hive, a SparkContext, a helper module. Prints one JSON object."""

import json
import sys

from helper_module import answer
from pyspark.sql import SparkSession

spark = (
    SparkSession.builder.master("yarn")
    .appName("from the application")
    .config("spark.executor.memory", "2g")
    .getOrCreate()
)
sc = spark.sparkContext
sc.setLogLevel("ERROR")


def refusal(call):
    try:
        call()
    except Exception as error:
        return str(error)
    return None


def plus_one(row):
    return row.id + answer()


print(
    json.dumps(
        {
            "argv": sys.argv[1:],
            "name": __name__,
            "file": __file__,
            "path": sys.path[0],
            "sum": spark.range(10).selectExpr("sum(id) s").collect()[0].s,
            "mapped": [plus_one(row) for row in spark.range(2).collect()],
            "appName": sc.appName,
            "applicationId": sc.applicationId,
            "master": sc.master,
            "uiWebUrl": sc.uiWebUrl,
            "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
            "memory": sc.getConf().get("spark.executor.memory"),
            "parallelize": refusal(lambda: sc.parallelize([1])),
            "rdd": refusal(lambda: spark.range(1).rdd),
        }
    )
)
if "--fail" in sys.argv:
    raise ValueError("the application's own failure")
if "--exit" in sys.argv:
    sys.exit(7)
