"""A query that runs until it is killed, and a script that would go on after it."""

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
print("running", flush=True)
while True:
    try:
        spark.sql("SELECT sum(a.id * b.id) s FROM range(3000000) a CROSS JOIN range(3000000) b").collect()
    except Exception as error:
        print(f"survived {type(error).__name__}", flush=True)
