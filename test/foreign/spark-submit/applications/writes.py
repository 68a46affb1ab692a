"""Writes to tables, in the way that its second argument says."""

import sys
import threading

from pyspark.sql import SparkSession

url, way = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()


def write(table, rows, session=spark, **options):
    frame = session.range(rows).write.format("jdbc").option("url", url).option("dbtable", table)
    frame.options(**options).mode("append").save()


if way == "dies between":
    write("a", 3)
    sys.exit(3)
elif way == "other order":
    write("b", 4)
    write("a", 3)
    write("a", 5)
elif way == "threads":
    work = [
        *[threading.Thread(target=write, args=(f"t{i}", i + 1)) for i in range(4)],
        *[threading.Thread(target=write, args=("named", i + 1), kwargs={"quarry.writeName": f"w{i}"}) for i in range(4)],
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
elif way == "sessions":
    write("s", 1)
    write("s", 2, spark.newSession())
elif way == "count":
    for table in ("a", "b", "t0", "t1", "t2", "t3", "named", "s"):
        query = f"SELECT count(*) AS rows FROM {table}"
        rows = spark.read.format("jdbc").option("url", url).option("query", query).load().collect()[0].rows
        print(table, rows)
